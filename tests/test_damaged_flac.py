"""Of a FLAC file that is damaged inside, every frame that is whole comes back in its place."""

import re

import numpy as np
import pytest
import soundfile
from test_cli import refused, run

from audio_inpaint.files.recording import Reader

RATE = 44100


def damaged(folder, subtype, place, size):
    """Write a FLAC file with random bytes in it, and return what it held."""
    random = np.random.default_rng(0)
    time = np.arange(5 * RATE) / RATE
    audio = np.stack([0.3 * np.sin(2 * np.pi * f * time) for f in (440, 550)], 1)
    audio += 0.02 * random.standard_normal(audio.shape)
    soundfile.write("whole.flac", audio, RATE, subtype)
    content = bytearray((folder / "whole.flac").read_bytes())
    first = min(round(place * len(content)), len(content) - size)
    content[first : first + size] = random.integers(0, 256, size, dtype=np.uint8).tobytes()
    (folder / "in.flac").write_bytes(content)
    return soundfile.read("whole.flac", dtype="int32")[0]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize(
    ("place", "size"), [(0.5, 1), (0.4, 4), (0.6, 50), (0.3, 1000), (0.5, 20_000), (0.4, 40_000), (1.0, 100)]
)
def test_frames_beside_the_damage_come_back_bit_for_bit_in_their_places(
    tmp_path, monkeypatch, capsys, subtype, place, size
):
    monkeypatch.chdir(tmp_path)
    before = damaged(tmp_path, subtype, place, size)
    assert run("inpaint", "in.flac", "-o", "out.flac", "--method", "janssen", "--labels", "labels.txt") == 0
    said = capsys.readouterr().out
    assert said.count("in.flac is damaged: what could not be decoded is silent") == 1
    after, rate = soundfile.read("out.flac", dtype="int32")
    assert (rate, after.shape, soundfile.info("out.flac").subtype) == (RATE, before.shape, subtype)
    unlike = np.flatnonzero((before != after).any(1))
    assert 0 < unlike[-1] - unlike[0] < size * 2 + 3 * 4096
    lines = (tmp_path / "labels.txt").read_text().splitlines()
    labels = [[float(number) for number in line.split("\t")[:2]] for line in lines if line[0].isdigit()]
    assert labels[0][0] * RATE == pytest.approx(unlike[0], abs=2)
    assert labels[-1][1] * RATE == pytest.approx(unlike[-1] + 1, abs=2)


@pytest.mark.parametrize(("subtype", "channels"), [("PCM_S8", 1), ("PCM_16", 1), ("PCM_24", 2), ("PCM_16", 3)])
def test_no_sample_of_a_damaged_file_is_wrong_it_is_there_or_silent(tmp_path, subtype, channels):
    """Over 128 frames, whose numbers take two bytes, and bytes changed, zeroed or lost at several places."""
    random = np.random.default_rng(channels)
    audio = 0.3 * np.sin(0.05 * np.arange(150 * 4096))[:, None] + 0.02 * random.standard_normal((150 * 4096, channels))
    soundfile.write(tmp_path / "whole.flac", audio, RATE, subtype)
    before, content = (
        soundfile.read(tmp_path / "whole.flac", always_2d=True)[0].T,
        (tmp_path / "whole.flac").read_bytes(),
    )
    for trial in range(8):
        damaged = bytearray(content)
        for _ in range(4):
            size, kind = int(random.choice([1, 3, 100, 5000])), trial % 3
            place = int(random.integers(len(content) // 50, len(content) * 0.98 - size))
            new = [bytes(size), random.integers(0, 256, size, dtype=np.uint8).tobytes(), b""][kind]
            damaged[place : place + size] = new
        (tmp_path / "in.flac").write_bytes(damaged)
        with Reader(tmp_path / "in.flac") as reader:
            after = reader.read(0, reader.length).numpy()
            assert "is damaged" in reader.remarks()[0]
        unlike = (before != after).any(0)
        assert 0 < unlike.mean() < 0.2
        assert not after[:, unlike].any()


def test_a_file_that_is_cut_short_is_still_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path, "PCM_16", 0.2, 4)
    content = (tmp_path / "in.flac").read_bytes()
    (tmp_path / "in.flac").write_bytes(content[: len(content) // 2])
    assert "in.flac is" in refused(capsys, "inpaint", "in.flac", "-o", "out.flac", "--gaps", "1-1.1")


def test_a_file_that_is_cut_says_where_it_ends_and_how_to_save_that(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path, "PCM_16", 0.5, 1)
    content = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "in.flac").write_bytes(content[: round(0.7 * len(content))])
    for command in (("detect", "in.flac"), ("inpaint", "in.flac", "-o", "out.flac", "--gaps", "1-1.03")):
        said = refused(capsys, *command)
        assert re.fullmatch(
            r".*in.flac is cut short: it ends at 3\.\d+ s; ffmpeg -i in.flac \S+ saves what is left\n?", said
        )
