"""Encoders of libsndfile that change what they should keep, or crash at what they should refuse."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from test_patching import make, noise, outside, patch, write_patched

from audio_inpaint.errors import InputError
from audio_inpaint.files.formats import target
from audio_inpaint.files.recording import Reader, write


@pytest.mark.parametrize(
    ("suffix", "format_", "subtype", "channels"),
    [(".caf", "CAF", "ALAC_20", 2), (".caf", "CAF", "ALAC_32", 1), (".sds", "SDS", "PCM_16", 1)],
)
def test_a_lossless_encoder_that_changes_known_samples_is_found_out(tmp_path, suffix, format_, subtype, channels):
    source = tmp_path / f"in{suffix}"
    with soundfile.SoundFile(source, "w", 44100, channels, subtype, None, format_) as file:
        file.write(noise(12000, channels) / 2)
    fill = patch(6000, 6200, list(range(channels)))
    with pytest.raises(InputError, match="its encoder changes known samples of"):
        write_patched(source, tmp_path / f"out{suffix}", [fill])
    assert not (tmp_path / f"out{suffix}").exists()
    write_patched(source, tmp_path / "out.wav", [fill])
    known = outside(12000, channels, [fill])
    before, after = (soundfile.read(path, always_2d=True)[0] for path in (source, tmp_path / "out.wav"))
    assert np.array_equal(before[known], after[known])


CRASHING = """
import sys, numpy, soundfile
from audio_inpaint.cli import main
rate, channels, peak, output = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
audio = peak * numpy.random.default_rng(0).uniform(-0.5, 0.5, (4000, channels))
soundfile.write("in.wav", audio, rate, subtype="FLOAT")
sys.exit(main(["inpaint", "in.wav", "-o", output, "--gaps", "2000:2010", "--method", "silence"]))
"""


@pytest.mark.parametrize(
    ("rate", "channels", "peak", "output", "said"),
    [
        (250_000, 1, 1, "out.ogg", "Ogg Vorbis cannot hold 250000 Hz, only "),
        (48_000, 256, 1, "out.ogg", "Ogg Vorbis cannot hold 256 channels at 48000 Hz"),
        (16_000, 1, 1e10, "out.mp3", "samples of in.wav would clip, since .mp3 holds nothing beyond full scale"),
    ],
)
def test_what_makes_an_encoder_crash_is_refused(tmp_path, rate, channels, peak, output, said):
    line = [sys.executable, "-c", CRASHING, *map(str, (rate, channels, peak, output))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_samples_that_would_end_the_encoder_are_refused_in_python_too(tmp_path):
    with pytest.raises(InputError, match=r"no sample beyond 1e\+06 times full scale can be encoded"):
        write(tmp_path / "out.mp3", torch.full((1, 4000), 1e10), 16_000)
    assert list(tmp_path.iterdir()) == []


def test_a_format_without_room_for_a_rate_is_refused_before_work(tmp_path):
    source = make(tmp_path / "in.wav", "WAV", "PCM_16", rate=44_100)
    with Reader(source) as reader, pytest.raises(InputError, match="resample the input to 48000 Hz first"):
        target(reader, tmp_path / "out.opus")


def test_an_output_of_two_files_is_refused(tmp_path):
    source = make(tmp_path / "in.sd2", "SD2", "PCM_16")
    with pytest.raises(InputError, match="SD2 keeps its rate in a second file"):
        write_patched(source, tmp_path / "out.sd2", [patch(100, 200, [0, 1])])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["._in.sd2", "in.sd2"]


def test_a_header_that_promises_fewer_samples_than_none_is_one_line(tmp_path, monkeypatch):
    source = make(tmp_path / "in.wav", "WAV", "IMA_ADPCM")
    monkeypatch.setattr(soundfile.SoundFile, "frames", property(lambda self: -5))
    with pytest.raises(InputError, match="holds no samples"):
        Reader(source)
