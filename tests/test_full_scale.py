"""A conversion never clips silently: known samples beyond full scale are counted before any work, or all is scaled."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
import torch
from test_cli import refused, run

import audio_inpaint

RATE = 16000


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loud(name="in.wav", peak=1.5):
    """Write a tone in floating point that passes full scale, with a louder gap, which counts for nothing."""
    audio = peak * np.sin(2 * np.pi * 100 * np.arange(2 * RATE) / RATE + 0.1)
    audio[8000:8240] = 40
    soundfile.write(name, audio, RATE, subtype="FLOAT")
    return np.delete(audio.astype(np.float32), np.s_[8000:8240])


BOOM = "def boom(audio, gap, sample_rate):\n    raise AssertionError('work was begun')\n"


@pytest.mark.parametrize(
    "output",
    ["out.flac", pytest.param("out.tta", marks=pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg"))],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_samples_that_would_clip_are_counted_before_any_work(here, capsys, output, dry):
    known = loud()
    (here / "mine.py").write_text(BOOM)
    said = refused(capsys, "inpaint", "in.wav", "-o", output, "--gaps", "8000:8240", "--method", "mine.py:boom", *dry)
    count = int((np.abs(known) > 1).sum())
    assert count > 10_000
    assert f"{count:,} samples of in.wav would clip, since {output[3:]} holds nothing beyond full scale" in said
    assert "give --normalise or a float format such as .wav" in said
    assert not (here / output).exists()


def test_all_is_scaled_to_fit_and_the_decibels_are_said(here, capsys):
    known = loud()
    options = ["--gaps", "8000:8240", "--method", "janssen", "--normalise", "--log"]
    assert run("inpaint", "in.wav", "-o", "out.flac", *options) == 0
    said = capsys.readouterr().out
    assert "out.flac: all was scaled by -3.52 dB, so that nothing clips" in said  # 20 log10(1.5)
    after = soundfile.read("out.flac")[0]
    assert 0.99 < np.abs(after).max() < 1
    gain = np.delete(after, np.s_[8000:8240]) / known
    gain = gain[np.abs(known) > 0.1]
    assert np.ptp(gain) < 1e-5  # one gain for all, by the loudest sample, which is of the fill
    assert gain.mean() == pytest.approx(1 / 1.5, abs=1e-3)
    assert (
        "all was scaled by -3.52 dB, so that nothing clips" in json.loads((here / "out.flac.json").read_text())["notes"]
    )


def test_a_fill_that_would_clip_is_scaled_too(here):
    soundfile.write("in.wav", np.full(RATE, 0.9), RATE, subtype="FLOAT")
    (here / "mine.py").write_text("def twice(audio, gap, sample_rate):\n    return audio.masked_fill(gap, 1.8)\n")
    options = ["--gaps", "8000:8240", "--method", "mine.py:twice", "--normalise"]
    assert run("inpaint", "in.wav", "-o", "out.flac", *options) == 0
    after = soundfile.read("out.flac")[0]
    assert after[[0, 8100]] == pytest.approx([0.5, 1], abs=1e-6)


@pytest.mark.parametrize(("output", "peak"), [("out.wav", 1.5), ("out.flac", 0.9), ("out.ogg", 0.9)])
def test_where_nothing_would_clip_nothing_is_scaled(here, capsys, output, peak):
    loud(peak=peak)
    options = ["--gaps", "8000:8240", "--method", "janssen"]
    assert run("inpaint", "in.wav", "-o", output, *options, "--normalise") == 0
    assert "nothing would clip, so nothing was scaled" in capsys.readouterr().out
    scaled = (here / output).read_bytes()
    assert run("inpaint", "in.wav", "-o", output, *options, "--overwrite") == 0
    if output != "out.ogg":  # which is numbered at random
        assert scaled == (here / output).read_bytes()


def test_python_scales_too(here):
    loud()
    with pytest.raises(audio_inpaint.InputError, match=r"[\d,]+ samples of in.wav would clip"):
        audio_inpaint.repair_file("in.wav", "out.flac", [(8000, 8240)], "janssen")
    done = audio_inpaint.repair_file("in.wav", "out.flac", [(8000, 8240)], "janssen", normalise=True)
    assert any("scaled by -3.52 dB" in note for note in done.notes)
    assert torch.stack([fill.audio.abs().max() for fill in done.fills]).max() > 1  # as they were made


FFMPEG = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")


@pytest.mark.parametrize(
    "output",
    ["out.mp3", "out.ogg", *(pytest.param(f"out.{one}", marks=FFMPEG) for one in ("m4a", "wma", "mka", "ac3", "mp2"))],
)
@pytest.mark.parametrize("source", ["in.wav", pytest.param("in.mov", marks=FFMPEG)])
def test_a_lossy_output_of_what_would_clip_is_refused_or_scaled(here, capsys, source, output):
    known = loud()
    if source == "in.mov":
        subprocess.run(["ffmpeg", "-v", "error", "-i", "in.wav", "-c:a", "pcm_f32le", "in.mov"], check=True)
    count = int((np.abs(known) > 1).sum())
    options = ["--gaps", "8000:8240", "--method", "janssen"]
    said = refused(capsys, "inpaint", source, "-o", output, *options)
    assert f"{count:,} samples of {source} would clip" in said
    assert not (here / output).exists()
    assert run("inpaint", source, "-o", output, *options, "--normalise") == 0
    assert "all was scaled by -3.52 dB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.mp3", "b.mp3"), ("a.ogg", "b.mp3"), pytest.param("a.m4a", "b.m4a", marks=FFMPEG),
     pytest.param("a.mov", "b.mov", marks=FFMPEG), pytest.param("a.mov", "b.wv", marks=FFMPEG)],
)  # fmt: skip
def test_what_is_as_loud_in_the_input_is_encoded_anew(here, first, second):
    """A lossy file that passes full scale, as loud music does when it is decoded, and floats that stay floats."""
    loud()
    if first in ("a.m4a", "a.mov"):
        codec = {"a.m4a": "aac", "a.mov": "pcm_f32le"}[first]
        subprocess.run(["ffmpeg", "-v", "error", "-i", "in.wav", "-c:a", codec, first], check=True)
    else:
        samples, _ = soundfile.read("in.wav")
        soundfile.write(first, samples, RATE)
    assert run("inpaint", first, "-o", second, "--gaps", "8000:8240", "--method", "janssen") == 0
