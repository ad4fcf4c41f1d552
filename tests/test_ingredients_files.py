"""What keeps files whole: bytes that are checked before they are overwritten, sizes, rounding, and lists of gaps."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from audio_inpaint.files import patching
from audio_inpaint.files.formats import stored, target
from audio_inpaint.files.recording import Reader, read
from audio_inpaint.gaps import Gap, check_gaps, lost_runs


def test_bytes_are_overwritten_only_where_they_are_the_samples(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-1, 1, 900), 16_000)
    with Reader(tmp_path / "a.wav") as reader, open(tmp_path / "a.wav", "rb") as file:
        assert patching._samples_at(reader, file) == (44, "LITTLE")
        monkeypatch.setattr(patching, "first_sample", lambda _: (40, "LITTLE"))
        assert patching._samples_at(reader, file) is None


def test_known_samples_survive_a_container_that_is_misread(tmp_path, monkeypatch):
    """Were the bytes not compared, a fill would land two samples early, and four known samples be lost."""
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).integers(-9999, 9999, 900).astype("int16"), 16_000)
    monkeypatch.setattr(patching, "first_sample", lambda _: (40, "LITTLE"))
    with Reader(tmp_path / "a.wav") as reader:
        patching.write_patched(reader, tmp_path / "b.wav", [patching.Fill(Gap(300, 500), torch.zeros(1, 200))])
    before, after = (soundfile.read(tmp_path / name, dtype="int16")[0] for name in ("a.wav", "b.wav"))
    before[300:500] = 0
    assert after.tolist() == before.tolist()


def test_wav_beyond_four_gigabytes_becomes_rf64():
    kind = {"path": Path("a.flac"), "format": "FLAC", "subtype": "PCM_24", "channels": 2, "sample_rate": 48000}
    assert target(SimpleNamespace(length=2**30, **kind), Path("b.wav")) == ("RF64", "PCM_24")
    assert target(SimpleNamespace(length=2**29, **kind), Path("b.wav")) == ("WAV", "PCM_24")


def test_samples_are_rounded_and_clipped_to_16_bits():
    assert (stored(np.array([0.6, -0.6, 40_000, -40_000]) / 32768, "PCM_16") >> 16).tolist() == [1, -1, 32767, -32768]


@pytest.mark.parametrize(("cut", "readable"), [(250, True), (600, False)])
def test_an_mp3_may_lack_its_last_packet_as_encoders_leave_it_and_no_more(tmp_path, cut, readable):
    """Two packets, 0.045 s, read as silence; 0.153 s are a damaged file, and not to be passed off as a whole one."""
    soundfile.write(tmp_path / "a.mp3", np.random.default_rng(0).uniform(-0.3, 0.3, 48_000), 16_000)
    (tmp_path / "b.mp3").write_bytes((tmp_path / "a.mp3").read_bytes()[:-cut])
    if readable:
        whole, short = read(tmp_path / "a.mp3")[0], read(tmp_path / "b.mp3")[0]
        assert short.shape == whole.shape
        assert torch.equal(short[:, :46_000], whole[:, :46_000])
        assert not short[:, -721:].any()
    else:
        with Reader(tmp_path / "b.mp3") as reader:
            assert reader.length < 46_000
            assert "is cut short: its header promises" in reader.remarks()[0]


def test_gaps_that_overlap_or_touch_are_merged_and_runs_are_of_each_channel():
    assert check_gaps([Gap(5, 9), Gap(0, 5), Gap(8, 12)], 100) == [Gap(0, 12)]
    assert lost_runs([Gap(0, 10), Gap(5, 20, 1)], 2) == [Gap(0, 10, 0), Gap(0, 20, 1)]
