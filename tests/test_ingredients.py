"""What makes the default good, an ingredient a test: each fails if its ingredient is lost or weakened.

The decibels in the names and comments are what losing an ingredient costs on the signal of its test.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.signal import firwin, lfilter
from signals import noise

from audio_inpaint.dsp.coherence import coherent
from audio_inpaint.dsp.template_search import Match, TemplateSearch, delayed
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods import burg as burgs
from audio_inpaint.methods import janssen as janssens
from audio_inpaint.methods.janssen import Janssen, scaled_down
from audio_inpaint.methods.recall import recollection as recollections
from audio_inpaint.methods.recall.auto import Auto, at_the_end, evidence
from audio_inpaint.methods.recall.completion import Way, completed
from audio_inpaint.methods.recall.recall import Scene, neighbourhoods
from audio_inpaint.methods.recall.recollection import MARGIN, recollection, ridge_gains
from audio_inpaint.methods.recall.rehearsal import Sketch, Trial

RATE = 16000
WIDTH = 2048  # samples of Janssen's context at 16 kHz


def decibels(fill, truth):
    return float(10 * (truth.square().sum() / (fill - truth).square().sum()).log10())


def lost(length, *gaps):
    return gap_mask([Gap(*gap) for gap in gaps], length).reshape(-1)


def scene(length=20_000, *gaps, rate=RATE, audio=None):
    gap = lost(length, *(gaps or [(9000, 9800)]))
    audio = noise(length) if audio is None else audio
    return Scene(Auto(), audio.masked_fill(gap, 0), gap, rate)


def melody(length=9000, seed=0):
    """Noise below 1 kHz."""
    return torch.from_numpy(lfilter(firwin(257, 1000, fs=RATE), 1, noise(length, seed=seed).numpy()))


def resonant(length, seed=0):
    """Noise through six sharp resonances, predictable for some milliseconds."""
    x = noise(length, seed=seed).numpy()
    for pitch in (210, 470, 830, 1370, 2100, 3300):
        x = lfilter([1], [1, -2 * 0.997 * np.cos(2 * np.pi * pitch / RATE), 0.997**2], x)
    return torch.from_numpy(x) / np.abs(x).max()


# -- what is recalled --------------------------------------------------------------------------------------------------


def recalled(audio, match):
    run = Gap(3000, 3500)
    context = Gap(run.start - WIDTH, run.stop + WIDTH)
    fill, gains = recollection(audio, lost(audio.shape[-1]), run, context, [match], 1024, RATE)
    hole = slice(run.start - context.start, run.stop - context.start)
    return fill[:, hole], audio[:, run.start : run.stop], gains


def test_the_coherence_filter_keeps_the_noise_of_other_places_out(monkeypatch):
    """Losing it costs 1.5 dB where a melody returns in other noise."""
    tune = melody(6000)
    audio = torch.cat([tune, tune], -1) + 0.1 * (noise(12_000, seed=1) - melody(12_000, seed=1))
    fill, truth, _ = recalled(audio, Match(6000, 0.9))
    with_filter = decibels(fill, truth)
    monkeypatch.setattr(recollections, "coherent", lambda part, *_: part)
    without = decibels(recalled(audio, Match(6000, 0.9))[0], truth)
    assert with_filter > without + 1


def test_chance_is_subtracted_from_coherence():
    """Of noise that another noise does not hold little is kept; without the subtraction 5 dB more would be kept."""
    kept = []
    for seed in range(4):
        part, whole = noise(3072, seed=seed), noise(3072, seed=10 + seed)
        kept.append(coherent(part, whole, (slice(0, 1024), slice(2048, 3072)), RATE).square().mean() / 0.01)
    assert 10 * torch.stack(kept).mean().log10() < -20


def test_a_match_between_samples_is_read_there():
    """Reading it at the nearest sample costs 56 dB."""
    bar = torch.from_numpy(lfilter(firwin(65, 0.8), 1, noise(6000).numpy()))
    audio = torch.cat([bar, delayed(bar, torch.tensor([-0.5]).double())], -1)
    fill, truth, _ = recalled(audio, Match(6000, 0.99, 0.5))
    assert decibels(fill, truth) > 50


def test_recollection_computes_in_double_precision():
    audio = noise(6000).repeat(1, 2).float()
    fill, truth, gains = recalled(audio, Match(6000, 1.0))
    assert fill.dtype == gains.dtype == torch.float64
    assert decibels(fill, truth.double()) > 55


def test_the_ridge_is_a_thousandth_for_a_copy_and_large_for_chance():
    target = noise(400)
    assert float(ridge_gains(target[None], target)) == pytest.approx(1 / 1.001, abs=1e-6)
    other = noise(400, seed=3)
    other -= (other @ target.T) / target.square().sum() * target
    segment = 0.1 * target / target.norm() + 0.99**0.5 * other / other.norm()  # correlation 0.1
    gain = float(ridge_gains(segment[None], target / target.norm()))
    assert gain == pytest.approx(0.1 / (1 + 0.1 * (99 + 0.01)), rel=1e-3)


def test_the_search_leaves_a_margin_at_the_ends_and_spaces_matches():
    place = scene()
    asked = []
    place.search = lambda *given: asked.append(given) or []
    context = Gap(9000 - WIDTH, 9800 + WIDTH)
    place.matches(Gap(9000, 9800), context, Gap(0, 20_000), 1024)
    span = Gap(9000 - 1024, 9800 + 1024)
    lags = (-context.start + MARGIN, 20_000 - context.stop - MARGIN)
    assert asked == [(span, Gap(9000, 9800), lags, 16, 32)]
    assert MARGIN == 64


def test_matches_keep_their_distance_and_never_overlap_the_hole():
    audio, run = melody(16_000), Gap(6000, 6400)
    search = TemplateSearch(audio, lost(16_000), RATE, 1424)
    found = search(Gap(5488, 6912), run, (-5000, 9000), 16, 80)
    lags = sorted(match.lag for match in found)
    assert len(lags) > 8
    assert min(np.diff(lags)) >= 80
    assert all(5488 + lag >= run.stop or 6912 + lag <= run.start for lag in lags)


# -- candidates and their rehearsals -----------------------------------------------------------------------------------


def test_six_contexts_and_three_templates_with_orders_in_turn():
    """Two contexts above 16 kHz, where there is no time for more."""
    ways = scene().ways
    assert [(way.order, way.width, way.iterations, way.continues) for way in ways[:6]] == [
        (512, 2048, 2, False), (768, 3072, 1, True), (1024, 4096, 1, True),
        (512, 1024, 2, False), (256, 512, 2, False), (192, 384, 2, False),
    ]  # fmt: skip
    assert ways[6:] == [Way(0.032, 512, 2048, 1), Way(0.064, 1024, 2048, 1), Way(0.128, 512, 2048, 1)]
    fast = scene(rate=44_100).ways
    assert [way.template for way in fast] == [0, 0, 0.032, 0.064, 0.128]
    assert [way.order for way in fast[2:]] == [1024, 2048, 1024]


def test_short_contexts_win_where_sound_changes():
    """A pitch that jumps half a context before the gap: without short contexts over 1.5 dB are lost."""
    t = torch.arange(20_000, dtype=torch.float64) / RATE
    before, after = (sum(torch.sin(2 * torch.pi * f * n * t) / n for n in range(1, 8)) for f in (311.0, 367.0))
    audio = (torch.where(t < 8700 / RATE, before, after)[None] + 0.2 * noise(20_000)) / 4
    run = Gap(9200, 9600)
    whole = scene(20_000, (9200, 9600), audio=audio)
    sketch = whole.sketch(run, Gap(0, 20_000))
    plain = [way for way in whole.ways if not way.template]
    sketch = Sketch(sketch.hole, sketch.recalled[: len(plain)], sketch.rest[: len(plain)], sketch.found)
    [fills] = completed([sketch], plain)
    reached = [decibels(fill, audio[:, 9200:9600]) for fill in fills]
    assert max(reached[3:]) > reached[0] + 1.5


def test_rehearsals_are_a_context_away_on_both_sides_or_a_quarter_further():
    assert scene().rehearsals(Gap(9000, 9800)) == [Gap(6152, 6952), Gap(11848, 12648)]
    shifted = scene(20_000, (9000, 9800), (12_000, 12_010))
    assert shifted.rehearsals(Gap(9000, 9800)) == [Gap(6152, 6952), Gap(12_872, 13_672)]


def test_gaps_with_too_little_around_or_too_long_are_not_tried():
    assert not scene(20_000, (511, 800)).has_surroundings(Gap(511, 800))
    assert scene(20_000, (512, 800)).has_surroundings(Gap(512, 800))
    assert scene(20_000, (7000, 11_097)).trial(Gap(7000, 11_097)) is None


def trial():
    """A trial of four ways with two rehearsals, all of it fixed."""
    truths = [noise(200, seed=seed) for seed in (1, 2)]
    sizes = torch.tensor([0.3, 0.35, 0.45, 1.2]).double()[:, None, None]
    errors = [noise(800, seed=seed).reshape(4, 1, 200) for seed in (3, 4, 5)]
    fills = noise(200, seed=6) + sizes * errors[2]
    scale = torch.tensor([1.0, 0.8, 0.5, 0.9]).double()[:, None, None]
    rest = scale * noise(1200, seed=7)[None].expand(4, 1, 1200)
    sketch = Sketch(slice(500, 700), fills, rest, [])
    return Trial(sketch, fills, [truth + sizes * e for truth, e in zip(truths, errors, strict=False)], truths)


def test_the_weights_are_the_errors_to_the_power_of_minus_eight():
    one = trial()
    share = one.errors**-8
    torch.testing.assert_close(one.weights, share / share.sum(), rtol=1e-9, atol=0)
    errors = [((f - t) ** 2).sum((1, 2)) / (t**2).sum() for f, t in zip(one.rehearsals, one.truths, strict=True)]
    torch.testing.assert_close(one.errors, (errors[0] * errors[1]).sqrt(), rtol=1e-9, atol=0)


def test_what_is_expected_of_a_fixed_trial_is_pinned():
    """Slopes in another order move it by a decibel."""
    rehearsed, agreed, explained = evidence(trial(), 100)
    assert (rehearsed, agreed, explained) == pytest.approx(PINNED, abs=1e-3)
    expected = Auto().expected(SimpleNamespace(width=400), Gap(500, 700), trial())
    assert expected == pytest.approx(-2.79 + 0.342 * rehearsed + 0.495 * agreed + 0.223 * explained, abs=1e-6)


PINNED = (12.235655, 13.552951, 6.0206)


def test_an_end_is_rehearsed_twice_and_its_expectation_is_pinned():
    audio, run = resonant(12_000)[None].reshape(1, -1), Gap(11_700, 12_000)
    place = scene(12_000, (11_700, 12_000), audio=audio)
    reached = []
    for start in (11_400, 11_100):
        fill = burgs.extrapolate(audio[:, start - WIDTH : start], 512, 300)
        reached.append(decibels(fill, audio[:, start : start + 300]))
    assert at_the_end(place, run) == pytest.approx(np.mean(reached), abs=1e-6)
    assert Auto().expected(place, run, None) == pytest.approx(-0.59 + 1.057 * np.mean(reached), abs=1e-6)


def test_neighbourhoods_reach_a_context_and_join_where_they_meet():
    runs = [Gap(5000, 5100), Gap(9000, 9100), Gap(14_000, 14_100)]
    assert neighbourhoods(runs, 30_000, RATE) == [slice(2952, 11_148), slice(11_952, 16_148)]


# -- Janssen and Burg --------------------------------------------------------------------------------------------------


def janssen(audio, gap, **options):
    return Janssen(**options)(audio, gap.expand(audio.shape), RATE)


def test_neighbouring_gaps_are_solved_together(monkeypatch):
    """Each alone costs 2.6 dB."""
    audio = resonant(8000).reshape(1, -1)
    gap = lost(8000, (4000, 4200), (4220, 4420))
    together = decibels(janssen(audio, gap)[:, gap], audio[:, gap])
    monkeypatch.setattr(janssens, "_clusters", lambda runs, width: [[run] for run in runs])
    alone = decibels(janssen(audio, gap)[:, gap], audio[:, gap])
    assert together > alone + 1.5


def test_a_second_iteration_is_worth_a_decibel_for_tones():
    """2.6 dB on the mean of these."""
    gains, t = [], torch.arange(8000, dtype=torch.float64) / RATE
    for seed in range(3):
        pitch = 2 * torch.pi * (220 + 7 * seed)
        tones = sum(torch.sin(pitch * n * t + n) / n for n in range(1, 9))[None]
        audio, gap = tones + 0.3 * noise(8000, seed=seed), lost(8000, (4000, 4200))
        two, one = (decibels(janssen(audio, gap, **kind)[:, gap], audio[:, gap]) for kind in ({}, {"iterations": 1}))
        gains.append(two - one)
    assert np.mean(gains) > 1


def test_a_fill_is_at_most_twice_as_loud_as_its_surroundings():
    assert burgs.loudest(torch.tensor([[0.5, -1.5]])).tolist() == [[3.0]]
    assert scaled_down(torch.tensor([[4.0, -8.0], [1.0, 1.0]]), torch.full((2, 1), 2.0)).tolist() == [[1, -2], [1, 1]]
    assert burgs._damped(torch.tensor([[2.0, 8.0]]).double(), torch.tensor([[2.0]]))[0].tolist() == [1.0, 2.0]
    assert (burgs.SHORTEST, burgs._SILENT) == (32, 1e-4)
