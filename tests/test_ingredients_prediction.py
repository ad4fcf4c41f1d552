"""What makes Janssen's and Burg's fills good, an ingredient a test: each fails if its ingredient is lost.

The decibels in the names and comments are what losing an ingredient costs on the signal of its test, as measured.
"""

import numpy as np
import pytest
import torch
from problems import decibels, lost, reached, resonant, swell, tones
from signals import noise

from audio_inpaint.methods import burg as burgs
from audio_inpaint.methods import janssen as janssens
from audio_inpaint.methods.burg import Burg
from audio_inpaint.methods.janssen import Janssen, scaled_down

RATE = 16000


def test_neighbouring_gaps_are_solved_together(monkeypatch):
    """Each alone costs 2.6 dB."""
    audio, gap = resonant(8000), lost(8000, (4000, 4200), (4220, 4420))

    def solved():
        return decibels(Janssen()(audio, gap[None], RATE)[:, gap], audio[:, gap])

    together = solved()
    monkeypatch.setattr(janssens, "_clusters", lambda runs, width: [[run] for run in runs])
    assert together > solved() + 1.5


def test_a_second_iteration_is_worth_a_decibel_for_tones():
    """2.6 dB on the mean of these."""
    gains, t = [], torch.arange(8000, dtype=torch.float64) / RATE
    for seed in range(3):
        pitch = 2 * torch.pi * (220 + 7 * seed)
        audio = sum(torch.sin(pitch * n * t + n) / n for n in range(1, 9))[None] + 0.3 * noise(8000, seed=seed)
        two, one = (reached(kind, audio, (4000, 4200), rate=RATE) for kind in (Janssen(), Janssen(iterations=1)))
        gains.append(two - one)
    assert np.mean(gains) > 1


def test_a_fill_is_at_most_twice_as_loud_as_its_surroundings():
    assert burgs.loudest(torch.tensor([[0.5, -1.5]])).tolist() == [[3.0]]
    assert scaled_down(torch.tensor([[4.0, -8.0], [1.0, 1.0]]), torch.full((2, 1), 2.0)).tolist() == [[1, -2], [1, 1]]
    assert burgs._damped(torch.tensor([[2.0, 8.0]]).double(), torch.tensor([[2.0]]))[0].tolist() == [1.0, 2.0]


def test_a_swelling_tone_is_not_extrapolated_to_an_explosion():
    """8.9 dB; undamped, or with a hundred times the bound, -6."""
    audio = [swell(200, 400, 200, pitch, seed) for pitch in (0.1, 0.3, 1.0) for seed in range(3)]
    assert np.mean([reached(Burg(), *one) for one in audio]) > 4


def test_swelling_tones_are_not_interpolated_to_an_explosion():
    """1.4 dB after five iterations; unbounded, -5.0."""
    found = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        pitches, phases = random.uniform(0.05, 2, 2), random.uniform(0, 7, 2)
        (first, gap), (second, _) = (swell(33, 400, 300, *one) for one in zip(pitches, phases, strict=True))
        found.append(reached(Janssen(iterations=5), first + second, gap))
    assert np.mean(found) > -1


@pytest.mark.parametrize("side", [1, -1])
def test_a_side_too_short_to_say_anything_leaves_the_gap_to_the_other(side):
    """Over 100 dB for a chord; a model of ten samples dies away at once, and the gap ends in silence: 1 to 4."""
    audio = tones(8000, 5)
    gaps = [(4000, 4100), (4110, 4210)]
    assert reached(Burg(), audio, *(gaps[::-1] if side > 0 else gaps)) > 60


def test_a_side_that_is_all_but_silent_leaves_the_gap_to_the_other():
    """Over 100 dB for a chord that breaks off at the end of the gap, 120 dB above the hiss after it; faded out 4."""
    audio = tones(8000, 5)
    audio[:, 4200:] = 1e-6 * noise(3800)
    assert reached(Burg(), audio, (4000, 4200)) > 60
    assert reached(Burg(), audio.flip(-1), (3800, 4000)) > 60
