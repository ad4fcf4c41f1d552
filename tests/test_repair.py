"""`repair` in memory, what it takes and what it refuses, and writing whole files."""

import os
import struct

import numpy as np
import pytest
import soundfile
import torch
from one_gap import GAP, LENGTH, RATE, noise, quarter

from audio_inpaint.detection import Detection
from audio_inpaint.errors import InputError
from audio_inpaint.files.patching import Fill, write_patched
from audio_inpaint.files.recording import Reader, read, write
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.repairing import repair, repair_file


def changed(before, after):
    return np.asarray(before) != np.asarray(after)


def lost(*gaps, channels=2):
    return gap_mask(gaps, LENGTH, channels).numpy()


# What it takes


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(LENGTH,), (1, LENGTH), (2, LENGTH)])
def test_audio_comes_back_in_the_kind_type_and_shape_that_it_had(kind, dtype, shape):
    samples = noise(shape[0] if len(shape) == 2 else 1, dtype).reshape(shape)
    audio = kind(samples.copy())
    result = repair(audio, [GAP], RATE, quarter)
    assert type(result.audio) is type(audio)
    assert (result.audio.dtype, result.audio.shape) == (audio.dtype, audio.shape)
    known = np.delete(np.arange(LENGTH), np.s_[1000:1200])
    assert np.asarray(result.audio)[..., known].tobytes() == samples[..., known].tobytes()
    assert (np.asarray(result.audio)[..., 1000:1200] == 0.25).all()
    assert np.array_equal(np.asarray(audio), samples)  # what was given is as it was
    assert result.gaps == [GAP]


ONE = lost(GAP)[0]
BOTH = lost(GAP)
OWN = lost(Gap(1000, 1200, 1))


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        (ONE, BOTH),
        (torch.from_numpy(ONE), BOTH),
        (BOTH, BOTH),
        (OWN, OWN),
        (torch.from_numpy(OWN), OWN),
        ([(1000, 1200)], BOTH),
        ([[1000, 1200]], BOTH),
        (np.array([[1000, 1200]]), BOTH),
        ([(1000, 1200, 1)], OWN),
        ([(1000, 1200, None)], BOTH),
        ([(1100, 1200), (1000, 1100)], BOTH),
        ([GAP], BOTH),
        ((GAP,), BOTH),
        ([Gap(1000, 1200, 1)], OWN),
        ([Detection(Gap(1000, 1200, 1), "zeros", 0.9)], OWN),
        ([Detection(GAP, "zeros", 0.9)], BOTH),
    ],
)
def test_gaps_may_be_a_mask_pairs_gaps_or_detections_and_only_they_change(gaps, expected):
    audio = noise()
    assert np.array_equal(changed(audio, repair(audio, gaps, RATE, quarter).audio), expected)


def test_without_gaps_nothing_changes():
    result = repair(noise(), np.zeros(LENGTH, bool), RATE, quarter)
    assert np.array_equal(result.audio, noise())
    assert result.gaps == []


@pytest.mark.parametrize(
    "gaps",
    [
        np.zeros(LENGTH - 1, bool),
        np.zeros((3, LENGTH), bool),
        np.zeros((1, 2, LENGTH), bool),
        np.ones(LENGTH, bool),
        [(5, LENGTH + 1)],
        [(-1, 5)],
        [(7, 7)],
        [(9, 7)],
        [(1, 5, 2)],
        [(1, 5, -1)],
        [(1, 5, 0, 0)],
        [(1,)],
        [(0.5, 7)],
        [("a", "b")],
        [(None, 5)],
        [(float("nan"), 5)],
        [(1, float("inf"))],
        [5],
        "0.1-0.15",
        5,
        None,
        [Gap(0, LENGTH, 1)],
    ],
    ids=str,
)
def test_gaps_that_do_not_fit_are_refused_in_one_line(gaps):
    with pytest.raises(InputError) as caught:
        repair(noise(), gaps, RATE, quarter)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((2, LENGTH), np.int16), "floating point"),
        (np.zeros((2, LENGTH), complex), "floating point"),
        (np.zeros((LENGTH, 2)), r"use \.T"),
        (np.zeros((1, 2, LENGTH)), "channel, time"),
        (np.zeros((2, 0)), "channel, time"),
        (torch.tensor(1.0), "channel, time"),
        ("a.wav", "array or tensor"),
        (None, "array or tensor"),
    ],
    ids=str,
)
def test_audio_that_does_not_fit_is_refused(audio, message):
    with pytest.raises(InputError, match=message):
        repair(audio, [(5, 9)], RATE, quarter)


@pytest.mark.parametrize("rate", [0, -1, 8000.0, "8000", True, None])
def test_a_sample_rate_that_is_no_whole_number_of_hz_is_refused(rate):
    with pytest.raises(InputError, match="sample rate"):
        repair(noise(), [GAP], rate, quarter)


@pytest.mark.parametrize("method", ["no such method", 5, None])
def test_what_is_no_method_is_refused(method):
    with pytest.raises(InputError):
        repair(noise(), [GAP], RATE, method)


@pytest.mark.parametrize(("subtype", "dtype"), [("FLOAT", np.float32), ("DOUBLE", np.float64)])
def test_memory_and_files_are_repaired_alike(tmp_path, subtype, dtype):
    audio, gaps = noise(dtype=dtype) - 0.5, [Gap(1000, 1060), Gap(2000, 2040, 1), Gap(3950, LENGTH)]
    soundfile.write(tmp_path / "in.wav", audio.T, RATE, subtype=subtype)
    result = repair(audio, gaps, RATE, "janssen")
    filed = repair_file(tmp_path / "in.wav", tmp_path / "out.wav", gaps, "janssen")
    assert filed.gaps == result.gaps
    got = soundfile.read(tmp_path / "out.wav", dtype=np.dtype(dtype).name)[0].T
    assert got.tobytes() == result.audio.tobytes()
    assert changed(audio, got)[lost(*gaps)].all()


# Whole files


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff"])
@pytest.mark.parametrize(("bits", "subtype"), [(16, "PCM_16"), (24, "PCM_24")])
def test_write_keeps_integers_of_16_and_24_bits_exactly(tmp_path, suffix, bits, subtype):
    full = 2 ** (bits - 1)
    values = np.random.default_rng(0).integers(-full, full, (2, 999))
    values[:, :2] = -full, full - 1
    audio = torch.from_numpy(values / full)
    path = tmp_path / f"a{suffix}"
    write(path, audio, RATE)
    assert soundfile.info(path).subtype == subtype
    assert torch.equal(read(path)[0], audio)


@pytest.mark.parametrize(("dtype", "subtype"), [(torch.float32, "FLOAT"), (torch.float64, "DOUBLE")])
def test_write_keeps_floats_exactly_beyond_full_scale_too(tmp_path, dtype, subtype):
    audio = 3 * torch.randn(2, 999, dtype=dtype)
    write(tmp_path / "a.wav", audio, RATE)
    assert soundfile.info(tmp_path / "a.wav").subtype == subtype
    assert torch.equal(read(tmp_path / "a.wav")[0], audio.double())


@pytest.mark.parametrize("value", [1.01, -1.01, float("nan"), float("inf")])
def test_write_refuses_flac_beyond_full_scale_and_leaves_nothing(tmp_path, value):
    audio = torch.zeros(1, 99)
    audio[0, 50] = value
    with pytest.raises(InputError, match="beyond full scale"):
        write(tmp_path / "a.flac", audio, RATE)
    assert os.listdir(tmp_path) == []


def test_flac_with_an_id3_tag_in_front_keeps_that_and_its_comments(tmp_path):
    plain, tagged, output = (tmp_path / f"{name}.flac" for name in ("plain", "tagged", "out"))
    with soundfile.SoundFile(plain, "w", RATE, 1, "PCM_16") as file:
        file.title, file.artist = "Air", "Bach"
        file.write(noise(1)[0])
    frame = b"TIT2" + struct.pack(">I", 4) + b"\0\0" + b"\x03Air"
    size = len(frame) + 200  # with padding, over 127 so that the size takes two of its seven-bit bytes
    tag = b"ID3\x04\0\0" + bytes([0, 0, size >> 7, size & 0x7F]) + frame + bytes(200)
    tagged.write_bytes(tag + plain.read_bytes())

    with Reader(tagged) as reader:
        write_patched(reader, output, [Fill(GAP, torch.full((1, 200), 0.25))])

    assert output.read_bytes().startswith(tag + b"fLaC")
    with soundfile.SoundFile(output) as file:
        assert (file.title, file.artist) == ("Air", "Bach")
    known = np.delete(np.arange(LENGTH), np.s_[1000:1200])
    before, after = (soundfile.read(path, dtype="int16")[0] for path in (plain, output))
    assert np.array_equal(before[known], after[known])
    assert (after[1000:1200] == 8192).all()
