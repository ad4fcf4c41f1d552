"""What a gap lost is looked for in further recordings."""

from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest
import soxr
import torch
from episodes import EPISODE, GAPS, METHOD, OTHER, damaged, snr
from programmes import RATE, programme, sound

from audio_inpaint import InputError, repair
from audio_inpaint.gaps import Gap
from audio_inpaint.pool import excerpts as excerpting
from audio_inpaint.pool.excerpts import Other, Pool
from audio_inpaint.pool.index import signal_of


@pytest.fixture(scope="module")
def alone():
    return repair(damaged(), GAPS, RATE, METHOD)


@pytest.fixture(scope="module")
def with_other():
    return repair(damaged(), GAPS, RATE, METHOD, also=[OTHER])


def test_what_another_recording_plays_too_comes_back(alone, with_other):
    for gap in GAPS[1:]:
        assert snr(with_other.audio, *gap) > 40 > 20 + snr(alone.audio, *gap)
    assert abs(snr(with_other.audio, *GAPS[0]) - snr(alone.audio, *GAPS[0])) < 0.5


def test_known_samples_come_back_bit_for_bit_and_lost_ones_change_no_bit(with_other):
    known = np.ones(EPISODE.shape[-1], bool)
    for start, stop in GAPS:
        known[start:stop] = False
    assert np.array_equal(with_other.audio[:, known], EPISODE[:, known])
    again = repair(damaged(np.nan), GAPS, RATE, METHOD, also=[OTHER])
    assert np.array_equal(again.audio, with_other.audio)
    assert again.explanations == with_other.explanations


def test_where_it_was_heard_is_told(with_other):
    first, *others = with_other.explanations
    assert first.drawn_on is None
    for one, start in zip(others, (1.0, 2.0), strict=True):
        assert one.drawn_on.name == "recording 1"
        assert one.drawn_on.seconds == pytest.approx(11 + 123 / RATE + start, abs=1 / RATE)
        assert one.label.endswith(f"from {one.drawn_on.place}")
    assert with_other.also == ["also: 1 recording, 0.3 min", "also: 2 of 3 fills draw on recording 1"]


@pytest.mark.parametrize("rate", [48000, 22050])
def test_another_rate_and_one_channel(rate):
    """One channel of stereo that has the same in both."""
    both = np.stack([damaged().mean(0)] * 2)
    other = soxr.resample(OTHER.mean(0), RATE, rate, quality="VHQ")
    repaired = repair(both, GAPS[1:], RATE, METHOD, also=[(other, rate)])
    truth = EPISODE.mean(0)
    for start, stop in GAPS[1:]:
        error = (repaired.audio - truth)[:, start:stop]
        assert 2 * np.square(truth[start:stop]).sum() / np.square(error).sum() > 10**2.5


def test_one_channel_lost():
    audio = EPISODE.copy()
    start, stop = GAPS[1]
    audio[0, start:stop] = 0
    repaired = repair(audio, [(start, stop, 0)], RATE, METHOD, also=[OTHER]).audio
    assert np.array_equal(repaired[1], EPISODE[1])
    assert snr(repaired, start, stop) > 30


def test_unrelated_recordings_change_next_to_nothing(alone):
    """What is like the gap by chance is not like it beyond what was compared."""
    repaired = repair(damaged(), GAPS, RATE, METHOD, also=[programme(60, 2, seed=9), programme(60, 2, seed=10)])
    assert all(abs(snr(repaired.audio, *gap) - snr(alone.audio, *gap)) < 0.1 for gap in GAPS)
    assert repaired.also == ["also: 2 recordings, 2.0 min", "also: no fill draws on them"]


@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_a_recording_that_lost_the_same_is_no_evidence_though_it_knows_all_rehearsals(alone, noise):
    other = damaged()
    for start, stop in GAPS:
        other[:, start:stop] = noise * np.random.default_rng(start).standard_normal((2, stop - start))
    repaired = repair(damaged(), GAPS, RATE, METHOD, also=[other])
    for gap in GAPS:
        assert snr(repaired.audio, *gap) > snr(alone.audio, *gap) - 0.3
    assert noise or repaired.also[-1] == "also: no fill draws on them"


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(InputError, match="the sample rate is a whole number of Hz"):
        repair(damaged(), GAPS, RATE, METHOD, also=[(OTHER, 0)])


@pytest.mark.parametrize("given", ["other.wav", np.zeros((1, RATE))])
def test_a_recording_alone_is_put_in_a_list(given):
    with pytest.raises(InputError, match="put this one in a list"):
        repair(damaged(), GAPS, RATE, METHOD, also=given)


def test_methods_that_search_nothing_refuse_them():
    with pytest.raises(InputError, match="Janssen makes no use of further recordings: take auto or recall"):
        repair(damaged(), GAPS, RATE, "janssen", also=[OTHER])


def test_excerpts_are_read_in_time_and_only_so_many(monkeypatch):
    monkeypatch.setattr(excerpting, "_MOST", 10.0)
    long = programme(50, seed=5)
    signal = signal_of(sound(long))
    pool = Pool([Other("long", lambda: signal, len(signal), lambda: nullcontext(sound(long)))])
    ours = torch.from_numpy(soxr.resample(long[0], RATE, 24000, quality="VHQ"))[None]
    runs = [Gap(round(second * 24000), round(second * 24000) + 500) for second in np.arange(2.0, 45.0, 2.0)]
    excerpts = pool.excerpts(ours, torch.zeros(ours.shape[-1], dtype=torch.bool), runs, 6000, 24000)
    assert 8 < sum(one.audio.shape[-1] for one in excerpts) / 24000 <= 10
    for one in excerpts:
        start = one.start * 24000
        own = ours[:, round(start) + 200 : round(start) + one.audio.shape[-1] - 200]
        heard = one.audio[:, 200:][:, : own.shape[-1]]
        shift = start - round(start)
        assert abs(shift) < 1e-6 or abs(shift) <= 0.5
        if abs(shift) < 0.01:
            assert float((heard - own).norm() / own.norm()) < 0.05
    assert all(a.start + a.audio.shape[-1] / 24000 <= b.start for a, b in pairwise(excerpts))
