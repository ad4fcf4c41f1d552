"""A lost channel is restored from what the others, or other recordings, play meanwhile."""

import pytest
import torch
from scipy.signal import lfilter
from signals import noise

from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.recall.auto import Auto
from audio_inpaint.methods.recall.guides import guides_of
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.methods.recall.scene import Scene
from audio_inpaint.repairing import repair

RATE, LENGTH = 8000, 12_000
RUN = Gap(6000, 6512)


def filled(audio, *gaps, references=None, method=None):
    """What is put into the gaps, and the explanations; every gap names its channel."""
    gap = gap_mask(gaps, audio.shape[-1], len(audio))
    restored, told = (method or Auto()).explain(audio.masked_fill(gap, 0), gap, RATE, list(gaps), references)
    assert torch.equal(restored[~gap], audio[~gap])
    return restored, told


def reached(audio, *gaps, **options):
    """dB on all that was lost, and the explanations."""
    restored, told = filled(audio, *gaps, **options)
    gap = gap_mask(gaps, audio.shape[-1], len(audio))
    error = (restored - audio)[gap].square().sum()
    return float(10 * (audio[gap].square().sum() / error.clamp_min(1e-30)).log10()), told


def of(run, channel=0):
    return Gap(run.start, run.stop, channel)


def equalised(x):
    return torch.from_numpy(lfilter([0.5, 0.4, -0.2, 0.1], [1.0], x.numpy()))


KINDS = {
    "copy": lambda x: x,
    "inverted": lambda x: -0.3 * x,
    "late": lambda x: x.roll(100, -1),
    "early": lambda x: x.roll(-77, -1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_whatever_its_polarity_level_and_delay_restores_a_channel_exactly(kind):
    audio = noise(LENGTH)
    decibels, [told] = reached(torch.cat([audio, KINDS[kind](audio)]), of(RUN))
    assert decibels > 60
    assert told.weights["channels"] > 0.99
    assert told.label.startswith("channels 100 %, about ")
    assert told.expected_snr > 35


@pytest.mark.parametrize("delay", [1, 30, 64, 70, -70])
def test_a_copy_that_is_a_little_late_restores_a_dull_sound_exactly(delay):
    audio = torch.from_numpy(lfilter([0.01], [1.0, -1.9, 0.91], noise(LENGTH).numpy()))
    assert reached(torch.cat([audio, audio.roll(delay, -1)]), of(RUN))[0] > 60


def test_an_equalised_copy_restores_a_channel():
    audio = noise(LENGTH)
    assert reached(torch.cat([equalised(audio), audio]), of(RUN))[0] > 45


def test_a_guide_is_worth_what_it_knows():
    audio = noise(LENGTH)
    assert reached(torch.cat([audio, audio + 0.1 * noise(LENGTH, seed=3)]), of(RUN))[0] > 18.5


def test_any_number_of_channels_that_add_up_to_the_lost_one():
    parts = noise(LENGTH, 3, seed=5)
    audio = torch.cat([parts.sum(0, keepdim=True), parts])
    assert reached(audio, of(RUN))[0] > 40
    assert reached(audio, of(RUN, 2))[0] > 40


def test_channels_that_lost_the_same_are_each_restored_from_the_third():
    audio = noise(LENGTH)
    audio = torch.cat([audio, -0.5 * audio, audio + 0.01 * noise(LENGTH, seed=3)])
    assert reached(audio, of(RUN, 0), of(RUN, 1))[0] > 35


@pytest.mark.parametrize("other", ["silent", "lost"])
def test_a_guide_that_says_nothing_in_the_gap_changes_no_bit(other):
    audio = torch.cat([noise(LENGTH), noise(LENGTH)])
    gaps = [of(RUN)]
    if other == "silent":
        audio[1] = 0
    else:
        gaps.append(Gap(RUN.start - 9, RUN.stop + 9, 1))
    alone, _ = filled(audio[:1], of(RUN))
    together, _ = filled(audio, *gaps)
    assert torch.equal(alone[0, RUN.start : RUN.stop], together[0, RUN.start : RUN.stop])


def test_an_unrelated_guide_does_no_harm():
    """0.3 dB at most, on tones that are restored well without it."""
    time = torch.arange(LENGTH, dtype=torch.float64) / RATE
    tones = sum(torch.sin(2 * torch.pi * f * time) for f in (220.0, 277.0, 331.0))[None] + 0.02 * noise(LENGTH, seed=8)
    alone, _ = reached(tones, of(RUN))
    assert reached(torch.cat([tones, noise(LENGTH)]), of(RUN))[0] > alone - 0.3


def test_a_guide_that_is_lost_beside_the_gap_is_left_out_there():
    audio = noise(LENGTH)
    holes = [Gap(start, start + 90, 1) for start in (4700, 5000, 5500, 6700, 7100)]
    gap = gap_mask([of(RUN), *holes], LENGTH, 2)
    restored, _ = Auto().explain(audio.repeat(2, 1).masked_fill(gap, 0), gap, RATE, [of(RUN)])
    error = (restored[0] - audio[0])[RUN.start : RUN.stop]
    assert error.square().mean() < 1e-5 * audio.square().mean()


@pytest.mark.parametrize(
    "gaps",
    [[Gap(0, 400, 0)], [Gap(LENGTH - 400, LENGTH, 0)], [Gap(4000, 8000, 0)], [Gap(6000, 6200, 0), Gap(6230, 6400, 0)]],
    ids=["start", "end", "long", "close"],
)
def test_gaps_at_the_ends_long_ones_and_close_ones_are_restored_from_a_guide(gaps):
    audio = noise(LENGTH)
    decibels, told = reached(torch.cat([audio, -audio + 0.01 * noise(LENGTH, seed=3)]), *gaps)
    assert decibels > 34
    assert {one.label.split()[0] for one in told} == {"channels"}


def test_two_seconds_are_restored_from_a_guide():
    audio = noise(7 * RATE)
    run = Gap(20_000, 36_000, 0)
    assert reached(torch.cat([audio, audio.roll(3, -1) + 0.01 * noise(7 * RATE, seed=3)]), run)[0] > 34


def test_lost_values_of_any_channel_change_no_bit():
    audio = torch.cat([noise(LENGTH), 0.7 * noise(LENGTH) + noise(LENGTH, seed=4)])
    gaps = [of(RUN), Gap(4000, 4300, 1), Gap(11_700, LENGTH, 0)]
    gap = gap_mask(gaps, LENGTH, 2)
    clean, *dirty = (Auto().explain(audio.masked_fill(gap, x), gap, RATE, gaps) for x in (0.0, torch.nan, 1e30))
    for restored, told in dirty:
        assert torch.equal(restored[gap], clean[0][gap])
        assert told == clean[1]


def test_a_rehearsal_never_sees_what_it_has_to_guess():
    audio = torch.cat([noise(LENGTH), noise(LENGTH) + 0.3 * noise(LENGTH, seed=2)])
    gap = gap_mask([of(RUN)], LENGTH, 2)
    fills, place = [], None
    for seed in (None, 9):
        other = audio.clone()
        if place is not None:
            other[0, place.start : place.stop] = noise(len(place), seed=seed)
        known = other.masked_fill(gap, 0)
        scene = Scene(Recall(), known[:1], gap[0], RATE, guides_of(known, gap, [0], {}))
        place = scene.rehearsals(RUN)[0]
        guided = [number for number, way in enumerate(scene.ways) if way.guide and not way.template]
        fills.append(scene.sketch(place, Gap(0, LENGTH)).recalled[guided])
    assert torch.equal(*fills)
    assert fills[0].any()


# ---- other recordings


def test_references_are_listened_to_and_never_restored():
    audio = torch.cat([noise(LENGTH, 2), torch.zeros(1, LENGTH, dtype=torch.float64)])
    audio[2] = audio[0] - 0.4 * audio[1]
    gap = gap_mask([Gap(RUN.start, RUN.stop, 0), Gap(0, 2000, 2)], LENGTH, 3)
    wanted = [RUN]  # of all channels
    restored, told = Auto().explain(audio.masked_fill(gap, 0), gap, RATE, wanted, {2: "tape"})
    assert torch.equal(restored[2], audio[2].masked_fill(gap[2], 0))
    assert [one.gap for one in told] == [Gap(RUN.start, RUN.stop, 0)]
    assert {"channels", "tape"} <= set(told[0].weights)


def test_the_better_of_two_references_fills_the_gap():
    audio = noise(LENGTH)
    near, far = audio + 0.02 * noise(LENGTH, seed=3), audio + noise(LENGTH, seed=4)
    decibels, [told] = reached(torch.cat([audio, far, near]), of(RUN), references={1: "far", 2: "near"})
    assert decibels > 30
    assert max(told.weights, key=told.weights.get) == "near"
    assert [(one.name, one.start) for one in told.sources if one.name] == [("far", RUN.start), ("near", RUN.start)]


def test_the_front_door_restores_one_channel_from_the_other():
    audio = noise(LENGTH).repeat(2, 1).float().numpy()
    result = repair(audio, [of(RUN)], RATE)
    assert abs(result.audio - audio).max() < 1e-4


def test_bursts_of_one_channel_are_heard_in_its_copy_to_the_last():
    """20 of every 60 ms: no gap of the middle has room for a rehearsal between it and the next."""
    audio = noise(LENGTH).repeat(2, 1)
    gaps = [Gap(start, start + 160, 0) for start in range(2000, 10_000, 480)]
    snr, told = reached(audio, *gaps)
    assert snr > 60
    assert all(one.weights["channels"] > 0.99 for one in told)


def test_lost_channels_have_delays_of_their_own():
    heard = noise(LENGTH)
    audio = torch.cat([heard, heard.roll(32, -1), heard.roll(-96, -1)])
    assert reached(audio, of(RUN, 1), of(RUN, 2))[0] > 50


def test_without_guides_and_with_them_are_two_mixes_that_are_rehearsed_in_turn():
    """Two channels that share half their sound: the shares follow from a literal computation of what is rehearsed."""
    common, audio = noise(LENGTH), torch.cat([noise(LENGTH, seed=4), noise(LENGTH, seed=5)])
    audio = audio + common
    gap = gap_mask([of(RUN)], LENGTH, 2)
    known = audio.masked_fill(gap, 0)
    trial = Scene(Recall(), known[:1], gap[0], RATE, guides_of(known, gap, [0], {})).trial(RUN)
    heard = torch.tensor([bool(way.guide) for way in trial.ways])

    def mix(ways, power):
        """Shares in a mix of some ways, and the inverse cube of its error."""
        shares = (trial.errors[ways] * trial.contradiction[ways]) ** -power
        shares = shares / shares.sum()
        logs = [(shares * trial.contradiction[ways].log()).sum()]
        for fills, truth in zip(trial.rehearsals, trial.truths, strict=True):
            error = (shares[:, None, None] * fills[ways]).sum(0) - truth
            logs.append((error.square().sum() / truth.square().sum()).log() / len(trial.truths))
        return shares, torch.stack(logs).sum().exp() ** -3

    (own, right), (guided, theirs) = mix(~heard, 8.0), mix(heard, 3.0)
    torch.testing.assert_close(trial.weights[~heard], own * right / (right + theirs), rtol=1e-9, atol=0)
    torch.testing.assert_close(trial.weights[heard], guided * theirs / (right + theirs), rtol=1e-9, atol=0)
    assert 0.05 < float(trial.weights[~heard].sum()) < 0.95


# ---- what is expected


def test_a_recollection_that_the_guides_contradict_in_the_gap_loses_its_share():
    """Bars that repeat but for one, where both channels fall silent in the gap: only the other one tells."""
    bar = noise(3000)
    audio = bar.repeat(2, 5) + 0.02 * noise(15_000, 2, seed=2)
    run = Gap(7000, 7400)
    audio[:, run.start : run.stop] *= 0.05
    gap = gap_mask([of(run)], 15_000, 2)
    known = audio.masked_fill(gap, 0)
    trial = Scene(Recall(), known[:1], gap[0], RATE, guides_of(known, gap, [0], {})).trial(run)
    recalling = [way.template > 0 for way in trial.ways]
    assert trial.contradiction[recalling].min() > 50
    assert trial.weights[recalling].sum() < 0.01


@pytest.mark.parametrize(
    "gaps",
    [[Gap(8000, 12_000)], [Gap(8000, 8100), Gap(8130, 8200)]],
    ids=["long", "close"],
)
def test_long_and_close_gaps_are_expected_something_of(gaps):
    time = torch.arange(32_000, dtype=torch.float64) / RATE
    tone = 0.3 * torch.sin(2 * torch.pi * 250 * time)[None]
    expected = [
        [one.expected_snr for one in Auto().explain(x.masked_fill(gap, 0), gap, RATE, gaps)[1]]
        for x, gap in ((x, gap_mask(gaps, 32_000)) for x in (tone, noise(32_000)))
    ]
    assert None not in expected[0] + expected[1]
    assert max(expected[1]) < 3
    assert min(expected[0]) > 15


def test_gaps_that_nothing_can_be_rehearsed_for_are_marked():
    """A fifth of 40 ms lost again and again: no place is known that could be lost in this way for a rehearsal."""
    gaps = [Gap(start, start + 300) for start in range(200, LENGTH - 400, 600)]
    gap = gap_mask(gaps, LENGTH)
    _, told = Auto().explain(noise(LENGTH).masked_fill(gap, 0), gap, RATE, gaps)
    assert {one.label for one in told[1:-1]} == {"check: not predicted"}
