"""What hides damage: hiss above a low voice, words too coarse for a faint sound, a predictor that saw the click."""

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

from audio_inpaint.detection import detect
from audio_inpaint.detection.dips import FEATURES, dips
from audio_inpaint.detection.prediction import predictor, surprise

RATE = 16000


def test_a_loss_of_bass_under_hiss_is_a_dip():
    rng = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    low = 0.008 * np.sin(2 * np.pi * 150 * time)
    start, stop = 8000, 8960
    low[start:stop] *= 10 ** (-40 / 20)
    found = list(dips(np.float32(low + 10 ** (-75 / 20) * rng.standard_normal(RATE)), RATE))
    assert all(len(dip.features) == len(FEATURES) for dip in found)
    near = [dip for dip in found if abs(dip.start - start) < 100 and abs(dip.stop - stop) < 100]
    assert near
    assert all(dip.features[-1] == 1 for dip in near)


def _with_dips(decibels):
    """A recording of 8 s with a dip of 60 ms, edges of 8 ms, each second."""
    rng = np.random.default_rng(3)
    time = np.arange(8 * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * 130 * n * time + n) / n for n in range(1, 12))
    sound = 0.1 * tones * (1 + 0.3 * np.sin(2 * np.pi * 3 * time)) + 0.003 * rng.standard_normal(len(time))
    ramp = (1 - np.cos(np.pi * np.arange(128) / 128)) / 2
    shape = np.concatenate([ramp, np.ones(704), ramp[::-1]])
    faults = [(start, start + len(shape)) for start in range(RATE, 7 * RATE + 1, RATE)]
    for start, stop in faults:
        sound[start:stop] *= 10 ** (-decibels / 20 * shape)
    return sound, faults


@pytest.mark.parametrize("decibels", [55, 65, 80])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_dropout_to_below_the_last_bit_is_found_as_in_finer_words(tmp_path, decibels, subtype):
    sound, faults = _with_dips(decibels)
    soundfile.write(tmp_path / "damaged.wav", sound, RATE, subtype=subtype)
    found = [one.gap for one in detect(tmp_path / "damaged.wav", "dropouts")]
    met = [any(gap.start < stop and start < gap.stop for gap in found) for start, stop in faults]
    assert sum(met) >= len(faults) - 1
    assert len(found) == sum(met)


def test_zeros_that_a_gate_cut_into_a_faint_sound_are_no_dropout(tmp_path):
    sound, faults = _with_dips(34)
    for start, _ in faults:
        sound[start + 300 : start + 400] = 0
    soundfile.write(tmp_path / "gated.wav", sound, RATE, subtype="PCM_16")
    assert not detect(tmp_path / "gated.wav", "dropouts")


def test_a_loud_click_does_not_shape_its_own_predictor():
    resonances = np.poly(0.98 * np.exp(1j * np.pi * np.array([0.05, -0.05, 0.11, -0.11, 0.2, -0.2]))).real
    clean = lfilter([1.0], resonances, np.random.default_rng(1).standard_normal(RATE)) * 1e-3
    place, click = 8000, 40e-3  # 32 dB over the residual
    energy = np.sum(predictor(clean[place - 800 : place + 800], 24) ** 2)
    heard = clean.copy()
    heard[place] += click
    said, usual = surprise(heard, RATE), surprise(clean, RATE).usual
    cell = place // said.cell
    expected = click * energy / usual[cell]
    assert said.peaks[cell] / said.usual[cell] > 0.6 * expected
    assert said.first[cell] < 0.5 * said.peaks[cell] / said.usual[cell]  # by a predictor that has seen it


def test_what_does_not_stand_out_is_predicted_once():
    noise = np.random.default_rng(2).standard_normal(RATE)
    said = surprise(noise, RATE)
    assert not said.stands_out().any()
    assert np.array_equal(said.first, said.peaks / said.usual)
