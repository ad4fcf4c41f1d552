"""Of a FLAC file that is damaged inside, every frame that is whole comes back in its place."""

import re
from pathlib import Path

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
    (line,) = re.findall(r"in.flac is damaged at (\S+) s.*: \d+ ms could not be decoded and are silent, and all", said)
    after, rate = soundfile.read("out.flac", dtype="int32")
    assert (rate, after.shape, soundfile.info("out.flac").subtype) == (RATE, before.shape, subtype)
    unlike = np.flatnonzero((before != after).any(1))
    assert 0 < unlike[-1] - unlike[0] < size * 2 + 3 * 4096
    assert float(line) == pytest.approx(unlike[0] / RATE, abs=2e-3)
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


def numbered(audio):
    """Write a FLAC file and return its bytes, and its samples."""
    soundfile.write("whole.flac", audio, RATE)
    return Path("whole.flac").read_bytes(), soundfile.read("whole.flac", dtype="int32")[0]


@pytest.mark.parametrize("inside", [False, True])
def test_a_file_that_breaks_off_is_repaired_up_to_there(tmp_path, monkeypatch, capsys, inside):
    """Whether or not it is damaged inside too."""
    monkeypatch.chdir(tmp_path)
    content, before = numbered(0.1 * np.random.default_rng(0).standard_normal((5 * RATE, 2)))
    content = bytearray(content[: round(0.7 * len(content))])
    if inside:
        content[len(content) // 2 : len(content) // 2 + 4] = b"junk"
    Path("in.flac").write_bytes(content)
    assert run("detect", "in.flac") == 0
    warned = capsys.readouterr().err
    assert run("inpaint", "in.flac", "-o", "out.flac", "--gaps", "1-1.03", "--method", "silence") == 0
    said = capsys.readouterr().out
    assert re.search(r"in.flac is cut short: its header promises 5.000 s, 3.\d+ s are there", said)
    assert "in.flac is cut short" in warned
    assert ("in.flac is damaged at" in said) == ("in.flac is damaged at" in warned) == inside
    after = soundfile.read("out.flac", dtype="int32")[0]
    assert 3.3 < len(after) / RATE <= 3.5
    unlike = (before[: len(after)] != after).any(1)
    unlike[RATE : round(1.03 * RATE)] = False
    assert (0 < unlike.sum() < 3 * 4608) == inside
    assert not after[unlike].any()


def test_a_file_whose_length_was_not_known_when_it_was_written_is_read_to_its_end(tmp_path, monkeypatch):
    """As encoders write it into a pipe: STREAMINFO has 0 for the number of samples."""
    monkeypatch.chdir(tmp_path)
    content, before = numbered(0.1 * np.random.default_rng(0).standard_normal(2 * RATE + 7))
    content = bytearray(content)
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    Path("in.flac").write_bytes(content)
    assert run("inpaint", "in.flac", "-o", "out.flac", "--gaps", "1-1.03", "--method", "silence") == 0
    after = soundfile.read("out.flac", dtype="int32")[0]
    assert np.array_equal(after[:RATE], before[:RATE])
    assert np.array_equal(after[round(1.03 * RATE) :], before[round(1.03 * RATE) :])


@pytest.mark.parametrize("left", [60, 2000])
def test_a_file_without_a_whole_frame_is_refused_in_one_line(tmp_path, monkeypatch, capsys, left):
    monkeypatch.chdir(tmp_path)
    content, _ = numbered(0.1 * np.random.default_rng(0).standard_normal((5 * RATE, 2)))
    Path("in.flac").write_bytes(content[:left])
    assert "in.flac" in refused(capsys, "inpaint", "in.flac", "-o", "out.flac", "--gaps", "1-1.1")
