"""What hides damage: hiss above a low voice, and a predictor that has seen the click."""

import numpy as np
from scipy.signal import lfilter

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
