"""One pass over a long recording finds where it is most like what surrounds gaps."""

import numpy as np
import pytest
import torch
from signals import noise

from audio_inpaint.dsp.resampling import resampled, resampled_blocks
from audio_inpaint.dsp.stream_search import best_places, surroundings
from audio_inpaint.gaps import Gap

RATE = 8000  # the search rate, so that nothing is resampled


def around(audio, start, length=400, side=1000):
    run = Gap(start, start + length)
    template, offset = surroundings(audio, torch.zeros(audio.shape[-1], dtype=torch.bool), run, side, RATE)
    assert offset == side / RATE
    return template


def literal(signal, template):
    """The correlation at every place, sample by sample."""
    samples, known = template.samples[0], np.zeros(template.samples.shape[-1], bool)
    for start, stop in template.known:
        known[start:stop] = True
    signal = signal.astype(float)
    energy = np.correlate(signal**2, known.astype(float)) * np.square(samples).sum()
    return np.correlate(signal, samples) / np.sqrt(energy)


def test_places_and_scores_are_those_of_a_literal_search_over_all_blocks():
    signal = np.convolve(noise(100_000, seed=1)[0].numpy(), np.hanning(9), "same").astype(np.float16)
    ours = noise(6000, seed=2)
    for start in (40_000, 63_000, 97_000):  # the second lies across two blocks
        heard = torch.from_numpy(signal[start : start + 2400].astype(float))
        ours[:, 1000:3400] = heard + 0.1 * noise(2400, seed=start)
        template = around(ours, 2000)
        scores = literal(signal, template)
        [places] = best_places(signal, [template], 3, 500)
        assert places[0].start == scores.argmax() == start
        assert [place.score for place in places] == pytest.approx([scores[place.start] for place in places], abs=1e-3)
        assert min(abs(a.start - b.start) for a in places for b in places if a != b) >= 500


def test_many_templates_are_found_in_one_pass_each_its_own_place():
    signal = noise(100_000, seed=3)[0].numpy().astype(np.float32)
    starts = list(range(5000, 90_000, 2000))
    templates = [around(torch.from_numpy(signal)[None], start) for start in starts]
    found = best_places(signal, templates, 2, 500)
    assert [places[0].start + 1000 for places in found] == starts


def test_what_is_lost_is_not_looked_at():
    audio = noise(8000, seed=4)
    gap = torch.zeros(8000, dtype=torch.bool)
    gap[2000:2100] = gap[4000:4400] = True
    junk = audio.masked_fill(gap, 9.0)
    (one, _), (other, _) = (surroundings(each, gap, Gap(4000, 4400), 3000, RATE) for each in (audio, junk))
    assert np.array_equal(one.samples, other.samples)
    assert not one.samples[0, 1000:1100].any()


def test_silence_has_no_surroundings_and_a_short_recording_no_places():
    assert surroundings(torch.zeros(1, 8000), torch.zeros(8000, dtype=torch.bool), Gap(4000, 4100), 1000, RATE) is None
    template = around(noise(6000), 2000)
    assert best_places(np.ones(100, np.float16), [template], 3, 500) == [[]]
    assert best_places(np.zeros(100_000, np.float16), [template], 3, 500) == [[]]


@pytest.mark.parametrize("rate", [44100, 16000, 6000])
def test_blocks_are_resampled_as_the_whole_is(rate):
    audio = noise(3 * rate + 17)
    parts = (audio[0, start : start + 1000].numpy() for start in range(0, audio.shape[-1], 1000))
    joined = np.concatenate(list(resampled_blocks(parts, rate, 8000)))
    whole = resampled(audio, rate, 8000)[0].numpy()
    assert abs(len(joined) - len(whole)) <= 1
    size = min(len(joined), len(whole))
    error = np.square(joined[:size] - whole[:size])[200:-200].sum()
    assert error < 0.02 * np.square(whole).sum()
