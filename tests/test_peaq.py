import csv
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from peaq_pairs import NAMES, VARIABLES, chord, noise, pair
from scipy import signal

from audio_inpaint.errors import InputError
from audio_inpaint.scores import odg
from audio_inpaint.scores.peaq import peaq

REFERENCES = os.environ.get("PEAQ_REFERENCES")  # a folder of WAV files with reference.csv: reference,test,odg


def tensors(name):
    original, test = pair(name)
    return torch.from_numpy(test), torch.from_numpy(original)


def with_noise(decibel, seed=3):
    original = torch.from_numpy(chord())
    hiss = torch.from_numpy(np.random.default_rng(seed).standard_normal(len(original)))
    return original + original.std() * 10 ** (-decibel / 20) * hiss, original


@pytest.mark.parametrize("name", VARIABLES)
def test_variables_and_grade_equal_those_of_the_matlab_program(name):
    preds, target = tensors(name)
    scores = peaq(preds, target, 48000, stereo=name == "stereo")
    values = [scores[key].item() for key in NAMES]
    np.testing.assert_allclose(values, VARIABLES[name], rtol=1e-5, atol=1e-9)


@pytest.mark.skipif(not REFERENCES, reason="PEAQ_REFERENCES names no folder of pairs with known grades")
def test_grades_of_recordings_equal_the_reference():
    folder = Path(REFERENCES)
    with open(folder / "reference.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        (target, rate), (preds, same) = (soundfile.read(folder / row[kind]) for kind in ("reference", "test"))
        assert rate == same
        grade = odg(torch.from_numpy(preds), torch.from_numpy(target), rate)
        assert grade.item() == pytest.approx(float(row["odg"]), abs=1e-5), row


def test_the_distortion_index_tells_apart_what_the_grade_saturates_on():
    indices = {name: peaq(*tensors(name), 48000)["DI"].item() for name in ("tone", "dull noise", "equal")}
    assert indices == pytest.approx({"tone": -4.119099, "dull noise": 0.953043, "equal": 6.677757}, abs=2e-5)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 48000])
def test_equal_signals_differ_in_nothing(sample_rate):
    audio = torch.from_numpy(chord())
    scores = peaq(audio, audio, sample_rate)
    assert 0.1 < scores["ODG"] < 0.22
    assert all(scores[name] == 0 for name in NAMES[3:-1])


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 48000])
def test_more_noise_is_graded_worse(sample_rate):
    preds, target = (torch.stack(x) for x in zip(*map(with_noise, (80, 60, 50, 40, 30)), strict=True))
    assert (odg(preds, target, sample_rate).diff() < 0).all()


def test_leading_dimensions_are_recordings_graded_alone():
    items = [with_noise(decibel, seed) for seed, decibel in enumerate((20, 30, 40, 50, 60, 70))]
    preds, target = (torch.stack(x).reshape(3, 2, -1) for x in zip(*items, strict=True))
    grades = odg(preds, target, 48000)
    assert grades.shape == (3, 2)
    assert torch.equal(grades.flatten(), torch.stack([odg(*item, 48000) for item in items]))
    assert odg(*items[0], 48000).shape == ()


def test_stereo_grades_two_channels_as_one_recording():
    preds, target = (x.expand(2, 1, -1) for x in with_noise(50))
    both = (torch.cat([x, x], 1) for x in (preds, target))
    torch.testing.assert_close(odg(*both, 48000, stereo=True), odg(preds, target, 48000)[:, 0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [0.0, 1e-4, 1.0, 1e30])
@pytest.mark.parametrize("length", [1, 4, 700, 2048, 40000])
def test_every_variable_is_finite_whatever_the_audio(scale, length):
    hiss = scale * torch.from_numpy(noise(1)[:length])
    silence = torch.zeros(length, dtype=torch.float64)
    pairs = [(hiss, silence), (silence, hiss), (hiss, hiss), (hiss + 1, hiss), (hiss, hiss.flip(0))]
    preds, target = (torch.stack(x) for x in zip(*pairs, strict=True))
    for sample_rate in (48000, 16000):
        assert all(score.isfinite().all() for score in peaq(preds, target, sample_rate).values())


def test_what_sixteen_bits_do_not_hold_does_not_count():
    preds, target = tensors("dull noise")
    below = 0.4 / 32768 * (2 * torch.from_numpy(noise(1)))
    assert odg(preds + below, target - below, 48000) == odg(preds, target, 48000)
    loud, original = with_noise(40)
    assert odg(3 * loud, 3 * original, 48000) == odg((3 * loud).clamp(-1, 1), (3 * original).clamp(-1, 1), 48000)


def test_single_precision_is_graded_as_double_is():
    preds, target = tensors("dull noise")
    torch.testing.assert_close(odg(preds.float(), target.float(), 48000), odg(preds, target, 48000))


def test_grades_are_the_same_when_repeated():
    preds, target = with_noise(40)
    assert torch.equal(odg(preds, target, 44100), odg(preds, target, 44100))


def test_a_recording_at_16_khz_is_graded_as_after_another_good_resampler():
    taps = signal.firwin(2001, 7800, window=("kaiser", signal.kaiser_beta(130)), fs=48000)
    original = signal.lfilter(*signal.butter(1, 1000, fs=16000), np.random.default_rng(0).standard_normal(32000))
    quantised = np.random.default_rng(1).uniform(-1, 1, (2, len(original))) * np.array([[3e-3], [0]])
    low = 0.1 * original + quantised
    high = torch.from_numpy(signal.resample_poly(low, 3, 1, axis=-1, window=taps))
    low = torch.from_numpy(low)
    assert odg(low[0], low[1], 16000).item() == pytest.approx(odg(high[0], high[1], 48000).item(), abs=0.05)


@pytest.mark.parametrize(
    ("preds", "target", "sample_rate", "stereo", "message"),
    [
        (torch.zeros(5), torch.zeros(6), 48000, False, "differ in shape"),
        (torch.zeros(2, 0), torch.zeros(2, 0), 48000, False, "no samples"),
        (torch.zeros(()), torch.zeros(()), 48000, False, "no samples"),
        (torch.zeros(3, 9), torch.zeros(3, 9), 48000, True, "two channels"),
        (torch.zeros(9), torch.zeros(9), 48000, True, "two channels"),
        (torch.zeros(9, dtype=torch.int16), torch.zeros(9, dtype=torch.int16), 48000, False, "not floating point"),
        (torch.full((9,), torch.nan), torch.zeros(9), 48000, False, "not all finite"),
        (torch.zeros(9), torch.full((9,), torch.inf), 48000, False, "not all finite"),
        (torch.zeros(9), torch.zeros(9), 0, False, "not positive"),
    ],
)
def test_what_cannot_be_graded_is_said_in_one_line(preds, target, sample_rate, stereo, message):
    with pytest.raises(InputError, match=message) as error:
        odg(preds, target, sample_rate, stereo)
    assert "\n" not in str(error.value)
