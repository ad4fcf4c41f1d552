import pytest
import torch
from scipy.signal import butter, sosfiltfilt
from signals import noise

from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.fill_level import missing_octaves
from audio_inpaint.methods.recall.auto import Auto

RATE, RUN = 16_000, Gap(8000, 9000)
GAP = gap_mask([RUN], 16_000)[0]


def dull(x, hertz):
    return torch.from_numpy(sosfiltfilt(butter(8, hertz, fs=RATE, output="sos"), x.numpy()).copy())


def with_fill(fill, rest=None):
    audio = noise(16_000) if rest is None else rest.clone()
    audio[:, RUN.start : RUN.stop] = fill
    return audio


def test_a_fill_as_loud_as_its_sides_lacks_nothing():
    assert missing_octaves(noise(16_000), RUN, GAP, RATE) is None


def test_octaves_that_a_fill_lacks_are_named():
    low, high = missing_octaves(with_fill(dull(noise(1000, seed=2), 1000.0)), RUN, GAP, RATE)
    assert 1000 < low < 2500
    assert high == RATE / 2


@pytest.mark.parametrize(("level", "missing"), [(10 ** (-8 / 20), False), (10 ** (-12 / 20), True)])
def test_ten_decibels_are_the_limit(level, missing):
    found = missing_octaves(with_fill(level * noise(16_000)[:, RUN.start : RUN.stop]), RUN, GAP, RATE)
    assert (found is not None) == missing


def test_loud_ends_do_not_hide_a_silent_middle():
    run, audio = Gap(16_000, 32_000), noise(48_000)
    gap = gap_mask([run], audio.shape[-1])[0]
    assert missing_octaves(audio, run, gap, RATE) is None
    audio[:, 20_500:27_500] *= 1e-3
    assert missing_octaves(audio, run, gap, RATE) is not None


def test_one_loud_moment_beside_a_fill_is_no_reason_to_miss_it():
    run, audio = Gap(16_000, 32_000), 0.1 * noise(48_000)
    audio[:, 12_000:12_800] *= 100
    audio[:, 36_000:36_800] *= 100
    assert missing_octaves(audio, run, gap_mask([run], audio.shape[-1])[0], RATE) is None


def test_music_that_ends_in_the_gap_lacks_nothing_after_it():
    audio = noise(16_000)
    audio[:, RUN.start :] *= 1e-3
    assert missing_octaves(audio, RUN, GAP, RATE) is None


def test_what_nobody_hears_is_not_missed():
    assert missing_octaves(with_fill(0 * noise(1000), 1e-3 * noise(16_000)), RUN, GAP, RATE) is None


def test_one_side_counts_at_an_end_and_none_where_too_little_is_known():
    audio, run = noise(16_000), Gap(15_000, 16_000)
    audio[:, run.start :] = 0
    assert missing_octaves(audio, run, gap_mask([run], 16_000)[0], RATE) is not None
    around = gap_mask([run, Gap(0, 14_900)], 16_000)[0]
    assert missing_octaves(audio, run, around, RATE) is None


def test_two_seconds_that_nobody_can_guess_are_marked_by_the_default():
    audio = dull(noise(7 * 8000), 4000.0)
    gap = gap_mask([Gap(24_000, 40_000)], audio.shape[-1])
    _, [told] = Auto().explain(audio.masked_fill(gap, 0), gap, 8000, [Gap(24_000, 40_000)])
    assert told.missing is not None
    assert told.label.startswith("check: ")
