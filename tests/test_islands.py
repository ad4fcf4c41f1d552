"""Close gaps are one problem: what is known between them is evidence, and comes back as it was."""

import pytest
import torch
from alike import alike, one_mask
from signals import noise

from audio_inpaint.gaps import Gap
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.recall.islands import (
    context_beside,
    reach,
    rehearsals_nearby,
    shortest_island,
    together,
    unknown,
)
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.methods.recall.scene import Scene
from audio_inpaint.scores.snr import snr

RATE = 8000


def bars(count=5, channels=1, length=5600):
    """Noise that nobody can predict, played again and again, each time with some of another."""
    audio = noise(length, channels).repeat(1, count)
    return audio + 0.02 * noise(audio.shape[-1], channels, seed=3)


def every(start, stop, period, size, length):
    return one_mask([Gap(first, first + size) for first in range(start, stop, period)], length)


@pytest.mark.parametrize("between", [10, 40, 200])
def test_two_close_gaps_are_restored_as_well_as_one_that_covers_both(between):
    audio = bars()
    pair = one_mask([Gap(12_000, 12_160), Gap(12_160 + between, 12_320 + between)], audio.shape[-1])
    one = one_mask([Gap(12_000, 12_320 + between)], audio.shape[-1])
    restored, told = alike(Recall()).explain(audio, pair, RATE)
    assert [each.gap for each in told] == [Gap(12_000, 12_160), Gap(12_160 + between, 12_320 + between)]
    assert all(each.weights["recall"] > 0.9 and each.expected_snr > 15 for each in told)
    for source in told[1].sources[:3]:
        assert (source.start - 12_160 - between) % 5600 == 0
    covering = alike(Recall())(audio, one, RATE)
    assert snr(restored, audio, pair) > snr(covering, audio, pair) - 1 > 20


@pytest.mark.parametrize("where", ["a part of the recording", "all of it"])
def test_burst_loss_is_restored_from_what_is_played_again(where):
    part = where == "a part of the recording"
    audio = bars(4, 2) if part else bars(8, length=2800)
    start, stop = (12_000, 20_000) if part else (400, audio.shape[-1] - 400)
    gap = every(start, stop, 480, 160, audio.shape[-1])
    restored, janssen = alike(Recall())(audio, gap, RATE), alike(Janssen())(audio, gap, RATE)
    assert (snr(restored, audio, gap) > snr(janssen, audio, gap) + 6).all()


def test_bursts_that_nothing_is_like_are_restored_no_worse_than_by_janssen():
    gap, gains = every(8000, 12_000, 480, 160, 20_000), []
    for seed in range(4):
        audio = noise(20_000, seed=seed).cumsum(-1)
        audio = audio - torch.nn.functional.avg_pool1d(audio, 401, 1, 200)
        pair = (snr(alike(each())(audio, gap, RATE), audio, gap) for each in (Recall, Janssen))
        gains.append(float(next(pair) - next(pair)))
    assert sum(gains) / 4 > -0.5


@pytest.mark.parametrize("between", [12, 300])
def test_lost_values_change_no_bit_and_islands_come_back_bit_for_bit(between):
    audio = bars(4, 2).float()
    gap = every(9000, 10_500, 160 + between, 160, audio.shape[-1])
    restored = alike(Recall())(audio, gap, RATE)
    for value in (torch.nan, 1e30):
        assert torch.equal(alike(Recall())(audio.masked_fill(gap, value), gap, RATE), restored)
    assert torch.equal(restored[:, ~gap].view(torch.int32), audio[:, ~gap].view(torch.int32))
    assert not torch.equal(restored[:, gap], audio[:, gap])


def test_a_rehearsal_of_close_gaps_loses_the_same_samples_and_sees_none_of_them():
    audio = bars()
    gap = one_mask([Gap(12_000, 12_160), Gap(12_200, 12_400)], audio.shape[-1])
    run, whole = Gap(12_000, 12_400), Gap(0, audio.shape[-1])
    scene = Scene(Recall(), audio.masked_fill(gap, 0), gap, RATE)
    [place, _] = scene.rehearsals(run)
    sketch = scene.sketch(place, whole, model=run)
    inside = sketch.missing[sketch.hole]
    assert torch.equal(inside, gap[run.start : run.stop])
    assert int(sketch.missing.sum()) == 360
    assert not sketch.rest[..., sketch.missing].any()
    other = audio.clone()
    other[:, place.start : place.stop][:, inside] = noise(360, seed=9)
    unseen = Scene(Recall(), other.masked_fill(gap, 0), gap, RATE).sketch(place, whole, model=run)
    torch.testing.assert_close(sketch.rest, unseen.rest, rtol=0, atol=1e-4)


def test_gaps_are_joined_across_short_islands_up_to_a_length():
    runs = [Gap(0, 10), Gap(15, 20), Gap(50, 60), Gap(65, 90), Gap(95, 130)]
    assert together(runs, 10, 40) == [Gap(0, 20), Gap(50, 90), Gap(95, 130)]
    assert together([], 10, 40) == []


def test_a_context_reaches_over_other_gaps_to_where_enough_is_known():
    assert reach(torch.zeros(100, dtype=torch.bool), 60, 20) == 60
    assert reach(torch.zeros(10, dtype=torch.bool), 60, 20) == 10
    beside = one_mask([Gap(30, 40)], 100)
    assert reach(beside, 100, 20) == 100
    assert reach(beside, 60, 20) == 60
    assert reach(beside, 59, 20) == 30
    assert reach(beside, 35, 20) == 30
    assert reach(one_mask([Gap(0, 40)], 50), 50, 20) == 0
    assert context_beside(beside, 60, 30, 20) == 30
    assert context_beside(beside, 60, 31, 20) == 60
    assert context_beside(beside, 100, 60, 20) == 100


def test_the_shortest_island_is_one_between_problems():
    missing = one_mask([Gap(20, 30), Gap(60, 64), Gap(66, 70), Gap(85, 90)], 120)
    assert shortest_island(missing, slice(60, 70)) == 15
    assert shortest_island(missing, slice(85, 90)) == 2


def test_what_is_lost_around_a_gap_is_lost_around_its_rehearsal():
    gap = one_mask([Gap(100, 110), Gap(130, 140)], 400)
    wide, missing = unknown(gap, Gap(300, 310), Gap(100, 110), 50, 20)
    assert wide == Gap(250, 360)
    assert missing.nonzero()[:, 0].tolist() == [*range(50, 60), *range(80, 90)]


def test_a_rehearsal_between_gaps_has_those_losses_around_it():
    gap = one_mask([Gap(100, 110), Gap(130, 140)], 400)
    _, missing = unknown(gap, Gap(115, 125), Gap(100, 110), 50, 20)
    assert missing.nonzero()[:, 0].tolist() == [*range(35, 45), *range(50, 60), *range(65, 75)]


def test_rehearsals_are_sought_between_gaps_and_then_farther_away():
    run = Gap(1960, 1980)
    between = [Gap(1930, 1950), Gap(1990, 2010)]
    assert rehearsals_nearby(every(1000, 3000, 60, 20, 6000), run, 40, 30, 6000) == between
    narrow = every(1000, 3000, 50, 20, 6000)
    assert rehearsals_nearby(narrow, Gap(2000, 2020), 40, 30, 6000) == [Gap(950, 970), Gap(3020, 3040)]
    nowhere = every(0, 6000, 50, 20, 6000)
    assert rehearsals_nearby(nowhere, Gap(2000, 2020), 40, 30, 6000) == [Gap(1977, 1992), Gap(2027, 2042)]
