"""A guide that lost a part of a gap is heard in the rest of it, and what it gives there is known beside that."""

import pytest
import torch
from signals import noise
from test_guides import LENGTH, RATE, RUN, equalised, of

from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.methods.recall.auto import Auto
from audio_inpaint.methods.recall.fallen import fallen
from audio_inpaint.methods.recall.guides import guides_of
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.methods.recall.scene import Scene

LATER = Gap(RUN.start + 400, RUN.stop + 400, 1)
HEARD = slice(RUN.start, LATER.start)


def restored(audio, *gaps, method=None, junk=0.0):
    gap = gap_mask(gaps, audio.shape[-1], len(audio))
    return (method or Auto()).explain(audio.masked_fill(gap, junk), gap, RATE, list(gaps))


def decibels(fill, audio, place):
    error = (fill - audio)[0, place]
    return float(10 * (audio[0, place].square().sum() / error.square().sum().clamp_min(1e-30)).log10())


def test_what_staggered_dropouts_left_of_a_copy_is_restored_exactly():
    audio = noise(LENGTH).repeat(2, 1)
    fill, told = restored(audio, of(RUN), LATER)
    assert decibels(fill, audio, HEARD) > 60
    assert decibels(fill.flip(0), audio, slice(RUN.stop, LATER.stop)) > 60  # the other of the first
    assert told[0].weights["channels"] > 0.7


@pytest.mark.parametrize("first", [RUN.start - 300, RUN.start + 200], ids=["the beginning", "the middle"])
def test_a_guide_may_lose_the_beginning_or_the_middle_as_well(first):
    audio = noise(LENGTH).repeat(2, 1)
    fill, _ = restored(audio, of(RUN), Gap(first, first + 400 if first < RUN.start else first + 100, 1))
    assert decibels(fill, audio, slice(RUN.stop - 200, RUN.stop)) > 60


def test_an_equalised_copy_is_heard_up_to_where_it_is_lost():
    """50 dB, and 34 in the last 8 ms but two, which shorter responses reach; -3 without it."""
    audio = noise(LENGTH)
    audio = torch.cat([equalised(audio), audio])
    fill, _ = restored(audio, of(RUN), LATER)
    assert decibels(fill, audio, slice(HEARD.start, HEARD.stop - 64)) > 45
    assert decibels(fill, audio, slice(HEARD.stop - 64, HEARD.stop - 16)) > 28


def test_what_the_guide_gave_is_known_beside_what_it_lost():
    """A chirp: 48 ms are lost of both, and 15 dB better filled than 320 in one of them that heard nothing."""
    time = torch.arange(LENGTH, dtype=torch.float64) / RATE
    chirp = torch.sin(2 * torch.pi * (300 * time + 30 * time**2))[None] + 0.02 * noise(LENGTH)
    audio, run, both = chirp.repeat(2, 1), Gap(6000, 8560, 0), slice(8176, 8560)
    alone, _ = restored(chirp, Gap(6000, 8560))
    fill, _ = restored(audio, run, Gap(both.start, 9000, 1))
    assert decibels(fill, audio, both) > decibels(alone, chirp, both) + 10


@pytest.mark.parametrize("beside", [3, 40])
def test_a_long_gap_keeps_a_guide_that_is_lost_next_to_it(beside):
    audio = noise(LENGTH).repeat(2, 1)
    fill, _ = restored(audio, Gap(4000, 8000, 0), Gap(8000 + beside, 8200, 1))
    assert decibels(fill, audio, slice(4000, 8000)) > 60


def test_what_is_expected_counts_what_nobody_plays():
    """White noise: 448 samples of it exact, 112 lost for good; 8 dB are the most."""
    audio = noise(LENGTH).repeat(2, 1)
    for method in (Auto(), Recall()):
        fill, told = restored(audio, of(RUN), LATER, method=method)
        assert abs(told[0].expected_snr - decibels(fill, audio, slice(RUN.start, RUN.stop))) < 4


def test_lost_values_of_either_channel_change_no_bit():
    audio = torch.cat([noise(LENGTH), 0.7 * noise(LENGTH) + noise(LENGTH, seed=4)])
    gaps = [of(RUN), LATER, Gap(RUN.start + 100, RUN.start + 140, 1)]
    gap = gap_mask(gaps, LENGTH, 2)
    clean, *dirty = (restored(audio, *gaps, junk=junk) for junk in (0.0, torch.nan, 1e30))
    for fill, told in dirty:
        assert torch.equal(fill[gap], clean[0][gap])
        assert told == clean[1]


def test_a_rehearsal_hears_no_more_of_a_guide_than_the_gap_does():
    audio = torch.cat([noise(LENGTH), noise(LENGTH) + 0.3 * noise(LENGTH, seed=2)])
    gap = gap_mask([of(RUN), LATER], LENGTH, 2)
    sketches, place = [], None
    for seed in (None, 9):
        other = audio.clone()
        if place is not None:
            first = place.start + LATER.start - RUN.start
            other[1, first : place.stop] = noise(place.stop - first, seed=seed)
        known = other.masked_fill(gap, 0)
        scene = Scene(Recall(), known[:1], gap[0], RATE, guides_of(known, gap, [0], {}))
        place = scene.rehearsals(RUN, True)[0]
        sketches.append(scene.sketch(place, Gap(0, LENGTH), model=RUN))
    guided = [number for number, way in enumerate(scene.ways) if way.guide and not way.template]
    heard = slice(0, LATER.start - RUN.start)
    assert torch.equal(sketches[0].recalled, sketches[1].recalled)
    assert sketches[0].recalled[guided][..., heard].any()
    assert not sketches[0].recalled[guided][..., heard.stop :].any()


# ---- a guide that fell silent by itself


def tones():
    """What is continued well without a guide, (1, time)."""
    time = torch.arange(LENGTH, dtype=torch.float64) / RATE
    return sum(torch.sin(2 * torch.pi * f * time + f) for f in (220.0, 277.0, 331.0))[None] + noise(LENGTH)


def quiet(audio, first, last):
    """A copy whose player dropped out: 60 dB quieter, but for its noise."""
    guide = audio.clone()
    guide[:, first:last] *= 1e-3
    return guide + 1e-4 * noise(LENGTH, seed=6)


THIRD = len(RUN) // 3
DROPPED = {
    "the middle third": (RUN.start + THIRD, RUN.stop - THIRD),
    "the beginning": (RUN.start - len(RUN) // 4, RUN.start + len(RUN) // 2),
    "the end": (RUN.start + len(RUN) // 2, RUN.stop + len(RUN)),
}


@pytest.mark.parametrize("references", [None, {1: "tape"}], ids=["channel", "reference"])
@pytest.mark.parametrize("part", DROPPED)
def test_a_guide_that_fell_silent_in_a_part_of_the_gap_is_lost_there(part, references):
    audio, gap = tones(), gap_mask([of(RUN)], LENGTH, 2)
    alone, _ = restored(audio, Gap(RUN.start, RUN.stop))
    both = torch.cat([audio, quiet(audio, *DROPPED[part])])
    fill, [told] = Auto().explain(both.masked_fill(gap, 0), gap, RATE, [of(RUN)], references)
    place = slice(RUN.start, RUN.stop)
    assert decibels(fill, audio, place) > decibels(alone, audio, place) - 0.5
    assert told.expected_snr < 30


def test_a_guide_that_fell_silent_is_lost_as_one_that_is_known_to_be():
    audio, (first, last) = noise(LENGTH), DROPPED["the middle third"]
    guide, lost = quiet(audio, first, last), gap_mask([of(RUN)], LENGTH)[0]
    found = fallen(guide, torch.zeros(1, LENGTH, dtype=torch.bool), audio.masked_fill(lost, 0), lost)
    [hole] = mask_gaps(found)
    assert first - 64 <= hole.start <= first
    assert last <= hole.stop <= last + 64


def test_music_that_pauses_or_decays_is_not_lost():
    """A pause that begins before the gap, where the recording has it as well, and a note that ends in the gap."""
    lost, none = gap_mask([of(RUN)], LENGTH)[0], torch.zeros(1, LENGTH, dtype=torch.bool)
    pause, decay = noise(LENGTH), noise(LENGTH)
    pause[:, RUN.start - 200 : RUN.start + 200] *= 1e-3
    decay[:, RUN.start : RUN.start + 450] *= torch.logspace(0, -2, 450, dtype=torch.float64)
    for audio in (pause, decay, noise(LENGTH)):
        assert not fallen(audio, none, audio.masked_fill(lost, 0), lost).any()
