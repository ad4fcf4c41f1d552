"""Of a FLAC file that is damaged inside, every frame that is whole comes back in its place."""

import shutil

import numpy as np
import pytest
import soundfile
from test_cli import refused, run

RATE = 44100
pytestmark = pytest.mark.skipif(not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs ffmpeg")


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


def test_a_file_that_is_cut_short_is_still_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path, "PCM_16", 0.2, 4)
    content = (tmp_path / "in.flac").read_bytes()
    (tmp_path / "in.flac").write_bytes(content[: len(content) // 2])
    assert "in.flac is" in refused(capsys, "inpaint", "in.flac", "-o", "out.flac", "--gaps", "1-1.1")
