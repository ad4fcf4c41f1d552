"""What keeps files whole: bytes that are checked before they are overwritten, sizes, rounding, and lists of gaps."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import soundfile

from audio_inpaint.files import patching
from audio_inpaint.files.formats import stored, target
from audio_inpaint.files.recording import ENCODER_TAIL, Reader
from audio_inpaint.gaps import Gap, check_gaps, lost_runs


def test_bytes_are_overwritten_only_where_they_are_the_samples(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-1, 1, 900), 16_000)
    with Reader(tmp_path / "a.wav") as reader, open(tmp_path / "a.wav", "rb") as file:
        assert patching._samples_at(reader, file) == (44, "LITTLE")
        monkeypatch.setattr(patching, "first_sample", lambda _: (40, "LITTLE"))
        assert patching._samples_at(reader, file) is None


def test_wav_beyond_four_gigabytes_becomes_rf64():
    kind = {"path": Path("a.flac"), "format": "FLAC", "subtype": "PCM_24", "channels": 2}
    assert target(SimpleNamespace(length=2**30, **kind), Path("b.wav")) == ("RF64", "PCM_24")
    assert target(SimpleNamespace(length=2**29, **kind), Path("b.wav")) == ("WAV", "PCM_24")


def test_samples_are_rounded_and_clipped_to_16_bits():
    assert (stored(np.array([0.6, -0.6, 40_000, -40_000]) / 32768, "PCM_16") >> 16).tolist() == [1, -1, 32767, -32768]
    assert ENCODER_TAIL == 0.05


def test_gaps_that_overlap_or_touch_are_merged_and_runs_are_of_each_channel():
    assert check_gaps([Gap(5, 9), Gap(0, 5), Gap(8, 12)], 100) == [Gap(0, 12)]
    assert lost_runs([Gap(0, 10), Gap(5, 20, 1)], 2) == [Gap(0, 10, 0), Gap(0, 20, 1)]
