"""What makes the choice between candidates good, an ingredient a test: each fails if its ingredient is lost.

The decibels in the names and comments are what losing an ingredient costs on the signal of its test, as measured; what
costs time instead is held by the numbers themselves.
"""

import numpy as np
import pytest
import torch
from problems import decibels, reached, scene, tones
from signals import noise

from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.recall.completion import Way, completed
from audio_inpaint.methods.recall.recall import Recall, neighbourhoods
from audio_inpaint.methods.recall.rehearsal import Sketch, Trial
from audio_inpaint.methods.recall.scene import Scene

RATE = 16000


def test_six_contexts_and_three_fits_of_one_search_with_orders_in_turn():
    """Four contexts above 16 kHz, for time; after recall one iteration, which is as good as two."""
    ways = scene(noise(20_000), (9000, 9800), rate=RATE).ways
    assert [(way.order, way.width, way.iterations, way.continues) for way in ways[:6]] == [
        (512, 2048, 2, False), (768, 3072, 1, True), (256, 512, 2, False),
        (192, 384, 2, False), (1024, 4096, 1, True), (512, 1024, 2, False),
    ]  # fmt: skip
    fits = zip((512, 1024, 512), (0.032, 0.064, 0.128), strict=True)
    assert ways[6:] == [Way(0.128, order, 2048, 1, fitted=fitted) for order, fitted in fits]
    fast = scene(noise(20_000), (9000, 9800), rate=44_100).ways
    assert [way.fitted for way in fast] == [0, 0, 0, 0, 0.032, 0.064, 0.128]
    assert [way.order for way in fast[4:]] == [1024, 2048, 1024]


def test_short_and_close_gaps_are_searched_for_by_the_shortest_template():
    audio = noise(3000).repeat(1, 7)
    for gaps, template in (
        ([Gap(9000, 9800)], 0.128),
        ([Gap(9000, 9100)], 0.032),
        ([Gap(9000, 9800), Gap(10_600, 10_800)], 0.032),
    ):
        gap = gap_mask(gaps, audio.shape[-1])[0]
        trial = Scene(Recall(), audio.masked_fill(gap, 0), gap, RATE).trial(gaps[0])
        assert {way.template for way in trial.ways} == {0, template}


def test_short_contexts_win_where_sound_changes():
    """A pitch that jumps half a context before the gap: without short contexts over 1.5 dB are lost."""
    t = torch.arange(20_000, dtype=torch.float64) / RATE
    before, after = (sum(torch.sin(2 * torch.pi * f * n * t) / n for n in range(1, 8)) for f in (311.0, 367.0))
    audio = (torch.where(t < 8700 / RATE, before, after)[None] + 0.2 * noise(20_000)) / 4
    run = Gap(9200, 9600)
    whole = scene(audio, (9200, 9600), rate=RATE)
    sketch = whole.sketch(run, Gap(0, 20_000))
    plain = [way for way in whole.ways if not way.template]
    sketch = Sketch(sketch.hole, sketch.recalled[: len(plain)], sketch.rest[: len(plain)], sketch.found)
    [fills] = completed([sketch], plain)
    found = [decibels(fill, audio[:, 9200:9600]) for fill in fills]
    assert max(found[3:]) > found[0] + 1.5


@pytest.mark.parametrize("seed", [0, 1])
def test_long_contexts_resolve_many_tones_and_rehearsals_a_context_away_say_so(seed):
    """29.8 dB; one context instead of six costs 5 to 7, rehearsals right beside the gap 10 to 13."""
    audio = tones(9000, 100, seed) + 0.02 * noise(9000, seed=seed)
    assert reached(Recall(), audio, (4500, 4800)) > 27


def test_a_higher_order_in_turn_restores_dense_tones_under_what_is_recalled():
    """25.0 dB in the mean of two; the same order for all templates costs 6.2, a mix of power 1 instead of 8 2.2."""
    found = []
    for seed in range(2):
        audio = noise(3000, seed=seed).repeat(1, 5) + 0.2 * tones(15_000, 200, seed)
        found.append(reached(Recall(), audio, (7000, 7300)))
    assert np.mean(found) > 24


def test_both_sides_are_rehearsed_and_count_alike_however_loud_their_errors():
    """22.3 dB in the mean of two where chords end before the gap.

    Rehearsals of one side cost 11.6, and their arithmetic mean, in which the side that nobody can guess outweighs the
    other, 3.9.
    """
    found = []
    for seed in range(2):
        hiss = 0.01 * noise(9000, seed=seed)
        audio, chord, chord_before = (tones(9000, *kind) for kind in ((100, seed), (3, seed + 7), (3, seed + 17)))
        audio[:, :3476], audio[:, :2676] = chord[:, :3476], chord_before[:, :2676]
        found.append(reached(Recall(), audio + hiss, (4500, 4800)))
    assert np.mean(found) > 20.5


def test_a_rehearsal_moves_on_where_its_place_is_damaged():
    """38 dB; without a second place there is no rehearsal, nothing is recalled, and all 38 are lost."""
    audio = noise(3000).repeat(1, 4) + 0.01 * noise(12_000, seed=3)
    assert reached(Recall(), audio, (3976, 3986), (6624, 6634), (5200, 5500)) > 30


def test_rehearsals_are_a_context_away_on_both_sides_or_a_quarter_further():
    assert scene(noise(20_000), (9000, 9800), rate=RATE).rehearsals(Gap(9000, 9800)) == [
        Gap(6152, 6952), Gap(11848, 12648)
    ]  # fmt: skip
    shifted = scene(noise(20_000), (9000, 9800), (12_000, 12_010), rate=RATE)
    assert shifted.rehearsals(Gap(9000, 9800)) == [Gap(6152, 6952), Gap(12_872, 13_672)]


def test_close_gaps_are_left_to_janssen_who_solves_them_together():
    """36 dB; tried one by one, with a tenth of a context between, they lose 32."""
    found = []
    for seed in range(2):
        audio = tones(8000, 40, seed) + 0.01 * noise(8000, seed=seed)
        found.append(reached(Recall(), audio, (4000, 4200), (4320, 4520)))
    assert np.mean(found) > 25


def test_gaps_with_too_little_around_or_too_long_are_not_tried():
    audio = noise(20_000)
    assert not scene(audio, (511, 800), rate=RATE).has_surroundings(Gap(511, 800))
    assert scene(audio, (512, 800), rate=RATE).has_surroundings(Gap(512, 800))
    assert scene(audio, (7000, 11_097), rate=RATE).trial(Gap(7000, 11_097)) is None


def test_what_is_left_to_janssen_keeps_its_context():
    """Over 100 dB for a chord; nothing at all is known without it."""
    assert reached(Recall(), tones(4000, 5), (100, 200)) > 60


def test_neighbourhoods_reach_a_context_and_join_where_they_meet():
    runs = [Gap(5000, 5100), Gap(9000, 9100), Gap(14_000, 14_100)]
    assert neighbourhoods(runs, 30_000, RATE) == [slice(2952, 11_148), slice(11_952, 16_148)]


def test_the_weights_are_the_errors_to_the_power_of_minus_eight():
    truths = [noise(200, seed=seed) for seed in (1, 2)]
    fills = [truth + torch.tensor([0.3, 0.4, 1.2])[:, None, None] * noise(200, seed=5) for truth in truths]
    one = Trial(Sketch(slice(0), *torch.zeros(2, 3, 1, 0), []), torch.zeros(3, 1, 0), fills, truths)
    share = one.errors**-8
    torch.testing.assert_close(one.weights, share / share.sum(), rtol=1e-9, atol=0)
    errors = [((f - t) ** 2).sum((1, 2)) / (t**2).sum() for f, t in zip(one.rehearsals, one.truths, strict=True)]
    torch.testing.assert_close(one.errors, (errors[0] * errors[1]).sqrt(), rtol=1e-9, atol=0)


def test_a_context_has_1024_samples_at_8_khz():
    """The premise of the problems above."""
    place = scene(noise(5000), (2000, 2100), rate=8000)
    assert (place.width, place.order) == (1024, 256)
