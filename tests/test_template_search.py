"""The search for what is like a gap's surroundings, against literal loops."""

import numpy as np
import pytest
import torch
from alike import one_mask
from signals import noise

from audio_inpaint.dsp import template_search
from audio_inpaint.dsp.template_search import TemplateSearch, delayed
from audio_inpaint.gaps import Gap


def literal_score(audio, gap, span, hole, lag):
    """The normalised correlation of a template with one segment, over the samples that both know."""
    both = [n for n in range(span.start, span.stop) if not (gap[n] or gap[n + lag] or hole.start <= n < hole.stop)]
    here, there = audio[:, both], audio[:, [n + lag for n in both]]
    return (here * there).sum() / np.sqrt((here**2).sum() * (there**2).sum())


@pytest.mark.parametrize("rate", [8000, 16000])
def test_search_finds_the_best_correlation_of_a_literal_loop(rate):
    audio = noise(1500, 2).cumsum(-1)
    audio = audio - audio.mean(-1, keepdim=True)
    gap = one_mask([Gap(100, 130), Gap(700, 760), Gap(850, 900), Gap(1300, 1320)], 1500)
    audio = audio.masked_fill(gap, 0)
    span, hole = Gap(640, 870), Gap(700, 760)
    found = TemplateSearch(audio, gap, rate, 230)(span, hole, (-640, 1500 - 870), 8, 20)
    scores = {}
    for lag in range(-640, 1500 - 870 + 1):
        apart = span.stop + lag <= hole.start or span.start + lag >= hole.stop
        if apart and not gap[hole.start + lag : hole.stop + lag].any():
            scores[lag] = literal_score(audio.numpy(), gap.numpy(), span, hole, lag)
    assert len(found) > 2
    for match in found:
        assert match.score == pytest.approx(scores[match.lag], abs=1e-9)
    if rate == 8000:
        peaks = [lag for lag in scores if scores[lag] >= max(scores.get(lag + d, -1) for d in (-1, 1))]
        inner = [lag for lag in peaks if lag - 1 in scores and lag + 1 in scores]
        assert found[0].lag == max(inner, key=scores.get)
    lags = sorted(match.lag for match in found)
    assert min(np.diff(lags)) >= 20


@pytest.mark.parametrize("rate", [8000, 44100])
@pytest.mark.parametrize("at_once", [1, 16])
def test_copies_are_found_in_all_blocks_of_a_long_recording(rate, at_once, monkeypatch):
    """Each copy is noisier than the one before; between them they lie in every block and across their borders."""
    monkeypatch.setattr(template_search, "_AT_ONCE", at_once)
    length, side, size = 16 * rate, rate // 10, rate // 20
    audio = noise(length, 2).float()
    start = 5 * rate
    template = audio[:, start - side : start + size + side].clone()
    places = [1000, 15 * rate, *range(int(3.1 * rate), int(4.5 * rate), rate // 3), 9 * rate + 7]
    for rank, place in enumerate(places):
        copy = template + 0.3 * rank * noise(template.shape[-1], 2, seed=place + 1)
        audio[:, place : place + template.shape[-1]] = copy
    gap = one_mask([Gap(start, start + size)], length)
    span = Gap(start - side, start + size + side)
    search = TemplateSearch(audio.masked_fill(gap, 0), gap, rate, span.stop - span.start)
    assert search.spectra.shape[1] > 3
    found = search(span, Gap(start, start + size), (-span.start, length - span.stop), len(places), 100)
    assert [span.start + match.lag for match in found] == places


def test_delays_by_fractions_are_those_of_a_sine():
    t = torch.arange(400, dtype=torch.float64)
    fade = torch.hann_window(400, dtype=torch.float64)
    x, expected = fade * torch.sin(0.5 * t), fade * torch.sin(0.5 * (t + 0.3))
    torch.testing.assert_close(delayed(x, torch.tensor(0.3))[50:350], expected[50:350], rtol=0, atol=5e-3)
