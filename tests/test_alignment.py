"""Another recording of the same programme is found, however it was made, and read on this one's clock."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile
import torch
from programmes import RATE, drifted, equalised, later, programme, sound, warped

from audio_inpaint.alignment.clock import around, clock
from audio_inpaint.alignment.consensus import Line, consensus
from audio_inpaint.alignment.novelty import novelty
from audio_inpaint.alignment.reading import read_at
from audio_inpaint.alignment.smoothing import smooth
from audio_inpaint.alignment.sound import Sound
from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap

AUDIO = programme(24, 2)


def through_mp3(audio):
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, len(audio), "MPEG_LAYER_III", format="MP3") as writer:
        writer.write(np.clip(audio.T, -1, 1))
    file.seek(0)
    return soundfile.read(file, always_2d=True)[0].T


OTHERS = {
    "as it is": lambda x: x,
    "upside down, quieter": lambda x: -0.1 * x,
    "one channel inverted": lambda x: x * np.array([[1], [-1]]),
    "mono": lambda x: x.sum(0, keepdims=True),
    "a channel alone": lambda x: x[1:],
    "three channels": lambda x: np.concatenate([x, x.mean(0, keepdims=True)]),
    "equalised": equalised,
    "through MP3": lambda x: through_mp3(0.5 * x),
    "noise at -20 dB": lambda x: x + 0.1 * x.std() * np.random.default_rng(1).standard_normal(x.shape),
}


@pytest.mark.parametrize("made", OTHERS)
def test_another_recording_is_placed_to_a_fraction_of_a_sample(made):
    found = clock(sound(AUDIO), sound(OTHERS[made](later(drifted(AUDIO, 200), 5.3))))
    times = np.array([1.0, 12.0, 23.0])
    away = RATE * (found.at(times) - (5.3 + 1.0002 * times))
    # an equaliser delays by itself, by what a filter makes up for
    assert np.abs(away).max() < (1.5 if made in ("equalised", "through MP3") else 0.2), away
    assert found.coherence > 0.9


@pytest.mark.parametrize("ppm", [-500, -50, 0, 500])
def test_drift_of_clocks(ppm):
    found = clock(sound(AUDIO), sound(drifted(AUDIO, ppm)))
    assert 1e6 * found.line.drift == pytest.approx(ppm, abs=1)
    assert found.line.offset == pytest.approx(0, abs=1 / RATE)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 48000])
def test_another_sample_rate(rate):
    other = resampled(torch.from_numpy(later(AUDIO, 2.0)), RATE, rate).numpy()
    found = clock(sound(AUDIO), sound(other, rate))
    assert found.at(np.array([3.0, 20.0])) == pytest.approx([5.0, 22.0], abs=0.3 / RATE)


def test_a_recording_that_begins_earlier_or_holds_a_part_only():
    part = clock(sound(AUDIO), sound(AUDIO[:, 9 * RATE : 16 * RATE]))
    assert part.at(np.array([12.0])) == pytest.approx([3.0], abs=0.2 / RATE)
    whole = clock(sound(AUDIO[:, 9 * RATE : 16 * RATE]), sound(AUDIO))
    assert whole.at(np.array([3.0])) == pytest.approx([12.0], abs=0.2 / RATE)


def test_lost_samples_are_not_looked_at():
    gaps = [Gap(start, start + 4000, channel) for start in range(8000, 23 * RATE, 24000) for channel in (0, 1)]
    lost, other = np.zeros(AUDIO.shape, bool), sound(later(AUDIO, 1.0))
    for gap in gaps:
        lost[gap.channel, gap.start : gap.stop] = True
    noise = np.random.default_rng(2).standard_normal(AUDIO.shape)
    clocks = [clock(sound(np.where(lost, junk, AUDIO), gaps=gaps), other) for junk in (0 * noise, noise, np.nan)]
    times = np.linspace(0, 24, 50)
    for found in clocks:
        assert np.array_equal(found.at(times), clocks[0].at(times))
        assert found.coherence == clocks[0].coherence
    assert clocks[0].at(times) == pytest.approx(times + 1.0, abs=0.2 / RATE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_unrelated_recording_has_no_clock(seed):
    assert clock(sound(AUDIO), sound(programme(30, 2, seed=seed))) is None


def test_silence_has_no_clock():
    assert clock(sound(AUDIO), sound(np.zeros((1, 5 * RATE)))) is None
    assert clock(sound(np.zeros((1, 5 * RATE))), sound(AUDIO)) is None


def test_too_short_a_recording_is_refused():
    with pytest.raises(InputError, match=r"it is only 0\.500 s long: 1 s are needed"):
        clock(sound(AUDIO), sound(AUDIO[:, : RATE // 2]))


def test_a_loop_is_placed_by_what_is_not_repeated():
    loop = np.tile(programme(2, 1, seed=5), 12) + 0.3 * AUDIO[:1]
    found = clock(sound(loop), sound(later(loop, 3.0)))
    assert found.line.offset == pytest.approx(3.0, abs=0.2 / RATE)


def test_a_copy_of_what_repeats_so_often_that_it_fits_at_many_places_is_one():
    loop = np.tile(programme(0.25, 1, seed=5), 80)
    found = clock(sound(loop, gaps=[Gap(10 * RATE, 10 * RATE + 800)]), sound(-0.5 * loop))
    assert found.copy
    assert found.line == Line(0.0, 0.0)
    assert clock(sound(loop), sound(np.tile(programme(0.25, 1, seed=6), 80))) is None


def test_a_short_loop_is_placed_by_all_the_stretches_that_agree():
    """No two of them by themselves would be sure."""
    loop = np.tile(programme(0.25, 1, seed=5), 80) + 0.1 * programme(20, 1)
    found = consensus(novelty(sound(loop)), novelty(sound(later(equalised(loop), 3.0))))
    assert found.offset == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize("size", [3e-4, 1e-3, 1.5e-3, 2e-3, 3e-3])
def test_wow_is_followed_across_a_gap(size):
    """Seconds, at 0.7 Hz: by 0.13 to 1.3 per cent of the speed."""
    other = warped(AUDIO, size, 0.7)
    ours, gap = sound(AUDIO, gaps=[Gap(10 * RATE, 10 * RATE + 800)]), Gap(10 * RATE, 10 * RATE + 800)
    found = clock(ours, sound(other))
    local = around(ours, sound(other), found, gap.start - RATE, gap.stop + RATE)
    times = np.arange(gap.start, gap.stop) / RATE
    # other(t) = ours(t + w(t)), so ours(u) is heard at the t of which t + w(t) = u
    truth = times.copy()
    for _ in range(20):
        truth = times - size * np.sin(2 * np.pi * 0.7 * truth)
    assert np.abs(local.at(times) - truth).max() < 0.15 / RATE
    assert np.abs(found.at(times) - truth).max() > 0.5 / RATE  # the clock over all could not know


def test_a_recording_is_read_between_its_samples():
    time = np.arange(4 * RATE) / RATE
    tone = np.sin(2 * np.pi * 5000 * time)[None]
    moments = 1.00001 + np.arange(RATE) / RATE * 1.0003
    read, missing = read_at(sound(tone), moments, RATE)
    assert not missing.any()
    assert np.abs(read[0].numpy() - np.sin(2 * np.pi * 5000 * moments)).max() < 1e-3
    read, missing = read_at(sound(tone), 3.5 + np.arange(RATE) / RATE, RATE)
    assert missing[0, RATE // 2 :].all()
    assert not missing[0, : RATE // 2 - 100].any()
    assert not read[missing].any()


def test_what_lies_above_half_the_rate_is_not_folded_down():
    time = np.arange(4 * 48000) / 48000
    tone = np.sin(2 * np.pi * 11000 * time)[None]
    read, _ = read_at(sound(tone, 48000), 1 + np.arange(RATE) / RATE, RATE)
    assert read.abs().max() < 1e-3


def test_a_curve_through_exact_values_and_a_line_through_noisy_ones():
    times = np.linspace(0, 2, 40)
    wow = 1e-4 * np.sin(2 * np.pi * 0.8 * times)
    apart = np.abs(times - 1) > 0.05
    assert smooth(times[apart], wow[apart], np.full(apart.sum(), 1e-7)).at(times) == pytest.approx(wow, abs=2e-6)
    noise = 1e-5 * np.random.default_rng(0).standard_normal(40)
    assert np.abs(smooth(times, 3e-5 + noise, np.full(40, 1e-5)).at(times) - 3e-5).max() < 1e-5


def test_a_line_and_its_inverse():
    line = Line(5.3, 200e-6)
    assert line.inverse().at(line.at(np.array([0.0, 100.0]))) == pytest.approx([0, 100])


def test_changes_of_level_do_not_depend_on_the_level():
    one, other = novelty(sound(AUDIO)), novelty(sound(-0.01 * AUDIO))
    assert one.shape == (24 * 100 - 3, 8)
    assert one.any()
    assert np.abs(one - other).max() < 0.01
    found = consensus(one, other)
    assert abs(found.offset) < 1e-4
    assert abs(found.drift) < 1e-5


def hour(shift, sample_rate, seconds=3600):
    """An hour of noise whose level jumps ten times a second, made where it is read; it begins at sample `shift`."""

    def block(number):
        random = np.random.default_rng((number, 1))
        return random.standard_normal(4000) * np.repeat(random.uniform(0, 0.3, 10) ** 2, 400)

    def read(start, stop):
        first, last = (start + shift) // 4000, (stop + shift - 1) // 4000
        audio = np.concatenate([block(number) for number in range(first, last + 1)])
        return torch.from_numpy(audio[start + shift - 4000 * first :][: stop - start][None])

    return Sound(read, 1, seconds * 4000, sample_rate)


def test_an_hour_is_aligned_in_little_memory():
    tracemalloc.start()
    found = clock(hour(0, 4000), hour(4000 * 700, 4001))  # which plays a quarter of a thousandth faster
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    times = np.array([800.0, 2000.0, 3500.0])
    assert found.at(times) == pytest.approx((times - 700) * 4000 / 4001, abs=0.3 / 4000)
    assert peak < 100e6  # of which the changes of levels are 12 for each


@pytest.mark.parametrize("seed", [0, 4, 7])
def test_a_straight_clock_does_not_swing_across_a_long_gap(seed):
    """Errors of the windows that are alike for a while, as music makes them, are no reason to."""
    times = np.arange(10.3, 21.6, 0.05)
    times = times[((times < 15) | (times > 17)) & ((times < 11) | (times > 11.5))]
    errors = np.random.default_rng(seed).normal(size=len(times) + 8)
    measured = 1.2e-6 * np.convolve(errors, np.ones(9) / 3, "valid")
    across = smooth(times, measured, np.full(len(times), 2.5e-7)).at(np.linspace(15, 17, 50))
    assert np.abs(across).max() < 2e-5  # a swing of 1e-4 and more before


def test_a_straight_clock_stays_so_across_a_gap_though_what_was_measured_is_less_exact_than_it_says():
    """A codec's errors: delays that lie ten times as far off as their standard deviations say."""
    times = np.append(np.arange(0, 2, 0.05), np.arange(3, 5, 0.05))
    for seed in range(8):
        off = 3e-6 * np.random.default_rng(seed).laplace(size=len(times))
        across = smooth(times, off, np.full(len(times), 3e-7)).at(np.linspace(2, 3, 50))
        assert np.abs(across).max() < 4e-6


def test_a_curve_is_in_doubt_across_a_gap_that_it_may_turn_in_and_a_line_is_not():
    times = np.arange(0, 6, 0.02)
    wow = 7e-4 * np.sin(2 * np.pi * 0.7 * times)
    known = (times < 2) | (times > 4)
    curve = smooth(times[known], wow[known], np.full(known.sum(), 1e-6))
    assert curve.doubt(np.array([1.0, 1.95, 4.05, 5.0])).max() < 2e-5
    assert curve.doubt(np.array([3.0]))[0] > 1e-4
    assert np.abs(curve.at(times) - wow)[known].max() < 5e-6
    straight = smooth(
        times[known], 1e-7 * np.random.default_rng(0).standard_normal(known.sum()), np.full(known.sum(), 1e-6)
    )
    assert straight.doubt(times).max() < 5e-6
