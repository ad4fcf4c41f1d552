"""What makes a recollection good, an ingredient a test: each fails if its ingredient is lost or weakened.

The decibels in the names and comments are what losing an ingredient costs on the signal of its test, as measured.
"""

import numpy as np
import pytest
import torch
from problems import decibels, lost, melody, reached, scene
from scipy.signal import firwin, lfilter
from signals import noise

from audio_inpaint.dsp.coherence import coherent
from audio_inpaint.dsp.template_search import Match, TemplateSearch, delayed
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.recall import recollection as module
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.methods.recall.recollection import MARGIN, recollections, ridge_gains

RATE = 16000
RUN = Gap(3000, 3500)
WIDTH = 2048


def recalled(audio, *matches, gap=None, size=1024, width=WIDTH, around=None):
    """What is recalled in the gap or samples `around` it, what stood there, and the gains."""
    context = Gap(RUN.start - width, RUN.stop + width)
    gap = lost(audio.shape[-1]) if gap is None else gap
    fill, gains = recollections(audio.masked_fill(gap, 0), gap, matches, RUN, context, [size], RATE)[0]
    first, last = around or (RUN.start, RUN.stop)
    return fill[:, first - context.start : last - context.start], audio[:, first:last], gains


def test_the_coherence_filter_keeps_the_noise_of_other_places_out(monkeypatch):
    """Losing it costs 1.5 dB where a melody returns in other noise."""
    tune = melody(6000)
    audio = torch.cat([tune, tune], -1) + 0.1 * (noise(12_000, seed=1) - melody(12_000, seed=1))
    fill, truth, _ = recalled(audio, Match(6000, 0.9))
    with_filter = decibels(fill, truth)
    monkeypatch.setattr(module, "coherent", lambda part, *_: part)
    without = decibels(recalled(audio, Match(6000, 0.9))[0], truth)
    assert with_filter > without + 1


def test_chance_is_subtracted_from_coherence():
    """Of noise that another noise does not hold little is kept; without the subtraction 5 dB more would be kept."""
    kept = []
    for seed in range(4):
        part, whole = noise(3072, seed=seed), noise(3072, seed=10 + seed)
        kept.append(coherent(part, whole, (slice(0, 1024), slice(2048, 3072)), RATE).square().mean() / 0.01)
    assert 10 * torch.stack(kept).mean().log10() < -20


def test_a_match_between_samples_is_read_there_up_to_its_ends():
    """60 dB; reading it at the nearest sample costs 56, and cutting it off without a fade 19 at its ends."""
    bar = torch.from_numpy(lfilter(firwin(65, 0.8), 1, noise(6000).numpy()))
    audio = torch.cat([bar, delayed(bar, torch.tensor([-0.5]).double())], -1)
    fill, truth, _ = recalled(audio, Match(6000, 0.99, 0.5))
    assert decibels(fill, truth) > 50
    fill, truth, _ = recalled(audio, Match(6000, 0.99, 0.5), around=(RUN.start - WIDTH, RUN.stop + WIDTH))
    assert decibels(fill, truth) > 50


def test_recollections_compute_in_double_precision_and_leave_the_recording_alone():
    audio = noise(6000).repeat(1, 2).float()
    fill, truth, gains = recalled(audio, Match(6000, 1.0))
    assert fill.dtype == gains.dtype == torch.float64
    assert decibels(fill, truth.double()) > 55
    audio = noise(6000).repeat(1, 2)
    before = audio.clone()
    recollections(audio, lost(12_000), [Match(6000, 1.0)], RUN, Gap(1000, 5500), [1024], RATE)
    assert torch.equal(audio, before)


def test_a_copy_is_taken_whole():
    """60 dB; a ridge of 10 instead of 0.1 costs 39."""
    fill, truth, _ = recalled(noise(6000).repeat(1, 2), Match(6000, 1.0))
    assert decibels(fill, truth) > 50


def test_resemblances_by_chance_get_next_to_no_gain():
    """6.5 dB with one match of a tune and fifteen of chance; a ridge of 0.001 costs 2.3, the same for all 3.5."""
    found = []
    for seed in range(6):
        parts = [melody(6000, one, top=500) for one in (seed, 300 + seed)]
        audio = torch.cat([parts[0], parts[0] + 0.5 * parts[1], melody(96_000, 100 + seed, top=500)], -1)
        matches = [Match(6000 * number, 0.9) for number in range(1, 17)]
        fill, truth, _ = recalled(audio, *matches, size=256, width=1024)
        found.append(decibels(fill, truth))
    assert np.mean(found) > 5.5


def products(*signals):
    both = torch.stack(signals, 1)
    return both @ both.mT


def test_the_ridge_is_a_thousandth_for_a_copy_and_large_for_chance():
    target = noise(400)
    assert float(ridge_gains(products(target, target))) == pytest.approx(1 / 1.001, abs=1e-6)
    other = noise(400, seed=3)
    other -= (other @ target.T) / target.square().sum() * target
    segment = 0.1 * target / target.norm() + 0.99**0.5 * other / other.norm()  # correlation 0.1
    gain = float(ridge_gains(products(segment, target / target.norm())))
    assert gain == pytest.approx(0.1 / (1 + 0.1 * (99 + 0.01)), rel=1e-3)


def test_where_a_match_misses_samples_the_known_ones_are_trusted():
    """51 dB beside the gap; half of the sound, 6 dB, if a match's lost samples were taken for silence."""
    audio = noise(6000).repeat(1, 3)
    audio[:, 6000:] += 0.05 * noise(12_000, seed=9)
    gap = lost(18_000, (9550, 9750))
    fill, truth, _ = recalled(audio, Match(6000, 1.0), Match(12_000, 1.0), gap=gap, around=(3550, 3750))
    assert decibels(fill, truth) > 30


# -- the search --------------------------------------------------------------------------------------------------------


def test_the_search_leaves_a_margin_at_the_ends_and_spaces_matches():
    place = scene(noise(20_000), (9000, 9800), rate=RATE)
    asked = []
    place.search = lambda *given: asked.append(given) or []
    context = Gap(9000 - WIDTH, 9800 + WIDTH)
    run = Gap(9000, 9800)
    place.matches(run, context, Gap(0, 20_000), 1024, run)
    span = Gap(9000 - 1024, 9800 + 1024)
    lags = (-context.start + MARGIN, 20_000 - context.stop - MARGIN)
    assert asked[0] == (span, run, lags, 16, 32)


def test_a_match_at_the_very_start_is_read_whole_or_not_at_all():
    """Without the margin its first samples do not exist, and the fill ends in an error."""
    bar = noise(2500, seed=1)
    audio = torch.cat([bar, noise(6000, seed=3), bar, noise(5000, seed=4)], -1)
    for inside in (1024, 1100):  # the bar's start is just the context's, or 76 samples before it
        start = 8500 + inside
        filled = Recall()(audio, lost(audio.shape[-1], (start, start + 300))[None], 8000)
        assert filled.isfinite().all()
    assert decibels(filled[:, start : start + 300], audio[:, start : start + 300]) > 2


@pytest.mark.parametrize(("rate", "spacing"), [(RATE, 80), (44_100, 99)])
def test_matches_keep_their_distance_and_never_overlap_the_hole(rate, spacing):
    """Also where it is no multiple of the coarse search's steps: of five samples at 44.1 kHz."""
    audio, run = melody(16_000), Gap(6000, 6400)
    search = TemplateSearch(audio, lost(16_000), rate, 1424)
    found = search(Gap(5488, 6912), run, (-5000, 9000), 16, spacing)
    lags = sorted(match.lag for match in found)
    assert len(lags) > 8
    assert min(np.diff(lags)) >= spacing
    assert all(5488 + lag >= run.stop or 6912 + lag <= run.start for lag in lags)


def test_repetitions_a_twentieth_of_a_second_apart_are_all_heard():
    """28.7 dB where a clean place has twenty noisy ones around it; matches 0.2 s apart cost 2.2."""
    found = []
    for seed in range(3):
        hiss = 0.5 * noise(10_000, seed=9 + seed)
        hiss[:, 3800:6400] = 0
        found.append(reached(Recall(), noise(400, seed=seed).repeat(1, 25) + hiss, (5000, 5200)))
    assert np.mean(found) > 27.6
