import numpy as np
import pytest
import torch
from alike import alike

from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods import similarity_graph
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.similarity_graph import SimilarityGraph, _Edges, _Features, _Graph, _peaks
from audio_inpaint.methods.transplant import LocalTransplant, edge_fade
from audio_inpaint.scores.snr import snr

RATE = 16000
METHODS = [SimilarityGraph(), LocalTransplant()]
every_method = pytest.mark.parametrize("restore", METHODS, ids=["graph", "transplant"])


def mask(length, *lost):
    gap = torch.zeros(length, dtype=torch.bool)
    for start, stop in lost:
        gap[start:stop] = True
    return gap


def tune(seconds, rate=RATE, seed=0):
    """Decaying notes of random pitch, eight a second, and a little noise."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    x = 0.003 * random.standard_normal(len(t))
    for start in np.arange(0, seconds, 0.125):
        pitch, after = 220 * 2 ** (random.integers(0, 24) / 12), np.clip(t - start, 0, None)
        decay = np.clip(200 * after, 0, 1) * np.exp(-6 * after)
        x += 0.05 * decay * sum(np.sin(2 * np.pi * k * pitch * after) / k for k in range(1, 6))
    return torch.from_numpy(x)[None]


def twice(seconds=2.0, between=0.7, rate=RATE):
    """A phrase, something else, and the phrase again; the gap is in its second coming, in the two channels unlike."""
    phrase = tune(seconds, rate)
    x = torch.cat([phrase, tune(between, rate, 1), phrase], -1)
    start = round((1.5 * seconds + between) * rate)
    return torch.cat([x, -0.5 * x]), mask(x.shape[-1], (start, start + round(0.064 * rate)))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_phrase_played_twice_is_restored_exactly(rate):
    audio, gap = twice(rate=rate)
    assert (snr(alike(Janssen())(audio, gap, rate), audio, gap) < 30).all()
    assert torch.equal(alike(SimilarityGraph())(audio, gap, rate), audio)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_transplant_finds_the_phrase_and_its_gain(rate):
    audio, gap = twice(rate=rate)
    audio[:, : 2 * rate] *= 0.3
    inner = gap.clone()
    start, stop = gap.nonzero()[[0, -1], 0].tolist()
    inner[start : start + rate // 200 + 1] = inner[stop - rate // 200 : stop + 1] = False
    restored = alike(LocalTransplant())(audio, gap, rate)
    assert (snr(restored, audio, inner) > 100).all()
    assert (snr(restored, audio, gap) > snr(alike(Janssen())(audio, gap, rate), audio, gap) + 5).all()


@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_known_samples_are_returned_bit_for_bit(restore, dtype):
    audio, gap = twice()
    audio, gap = audio.to(dtype), gap | mask(len(gap), (0, 40), (9000, 9700), (9800, 9801), (len(gap) - 10, len(gap)))
    before = audio.clone()
    restored = alike(restore)(audio, gap, RATE)
    bits = {torch.float32: torch.int32, torch.float64: torch.int64}[dtype]
    assert restored.dtype == dtype
    assert torch.equal(restored[:, ~gap].view(bits), audio[:, ~gap].view(bits))
    assert torch.equal(audio, before)


@every_method
def test_lost_values_change_no_bit_of_the_result(restore):
    audio, gap = twice()
    gap |= mask(len(gap), (9000, 9700), (20000, 20800))
    assert torch.equal(alike(restore)(audio.masked_fill(gap, torch.nan), gap, RATE), alike(restore)(audio, gap, RATE))


def test_what_fills_a_gap_never_comes_from_another_gap():
    phrase = tune(1.5)
    audio = torch.cat([phrase, tune(0.5, seed=1), phrase, tune(0.4, seed=2), phrase], -1)
    lost = (12000, 13000), (12000 + 2 * RATE, 13000 + 2 * RATE)
    gap = mask(audio.shape[-1], *lost)
    assert torch.equal(alike(SimilarityGraph())(audio, gap, RATE), audio)
    janssen, transplanted = (
        snr(alike(restore)(audio, gap, RATE), audio, gap) for restore in (Janssen(), LocalTransplant())
    )
    assert transplanted > janssen + 5
    gap |= mask(len(gap), (12000 + round(3.9 * RATE), 13000 + round(3.9 * RATE)))
    graph = _Graph(alike(Janssen())(audio, gap, RATE), gap, RATE)
    splices = [(run, graph.splice(run)) for run in mask_gaps(gap)]
    found = [(run, splice) for run, splice in splices if splice is not None]
    assert found
    assert not any(gap[run.start + splice.shift : run.stop + splice.shift].any() for run, splice in found)


@every_method
@pytest.mark.parametrize("length", [1, 100, 3000])
def test_what_is_too_short_to_be_searched_is_left_to_janssen(restore, length):
    audio, gap = tune(0.2)[:, :length], mask(length, (length // 3, length // 3 + max(1, length // 2)))
    assert torch.equal(alike(restore)(audio, gap, RATE), alike(Janssen())(audio, gap, RATE))


@every_method
def test_silence_and_channels_that_cancel_are_no_obstacle(restore):
    audio, gap = twice()
    assert not alike(restore)(torch.zeros_like(audio), gap, RATE).any()
    audio[1] = -audio[0]
    assert alike(restore)(audio, gap, RATE).isfinite().all()


def test_the_graph_alters_what_is_beside_a_gap_and_keeps_the_length():
    audio, gap = tune(6.0), mask(6 * RATE, (40000, 41000))
    output = SimilarityGraph().rearranged(audio, gap, RATE)
    changed = (output != audio)[0].nonzero()[:, 0]
    assert output.shape == audio.shape
    assert 40000 - 5 * RATE < changed[0] < 40000 - RATE * 0.04
    assert changed[-1] > 41000 + RATE * 0.04
    assert torch.equal(alike(SimilarityGraph())(audio, gap, RATE)[:, gap], output[:, gap])


def test_frames_are_compared_in_blocks_of_any_size(monkeypatch):
    audio, gap = twice()
    graph = _Graph(audio, gap, RATE)
    whole = graph._alike(50, 300).toarray()
    monkeypatch.setattr(similarity_graph, "_BLOCK", 77)
    again = _Graph(audio, gap, RATE)
    np.testing.assert_allclose(again._alike(50, 300).toarray(), whole, atol=1e-4)


def test_neighbours_are_those_of_a_plain_search():
    audio, gap = twice()
    graph = _Graph(audio, gap, RATE)
    features, known = graph.features(0, len(graph.features)).double(), torch.from_numpy(graph.known)
    first, last, frames = 100, 200, len(graph.features)
    distance = torch.linalg.vector_norm(features[first:last, None] - features, dim=-1)
    apart = (torch.arange(first, last)[:, None] - torch.arange(frames)).abs() > 20
    distance = distance.masked_fill(~(known & apart), torch.inf)[known[first:last]]
    nearest, places = distance.topk(40, largest=False)
    weights = torch.zeros_like(distance).scatter_(1, places, (-(nearest**2) / nearest.mean() ** 2).exp())
    found = graph._alike(first, last).tocoo()
    dense = np.zeros((last - first, frames))
    dense[found.row, found.row + found.col + first - last] = found.data
    np.testing.assert_allclose(dense[graph.known[first:last]], weights, atol=2e-3)
    assert not dense[~graph.known[first:last]].any()


def test_lasting_likeness_is_the_triangle_along_diagonals():
    audio, gap = twice()
    graph = _Graph(audio, gap, RATE)
    first, last, frames = 60, 260, len(graph.features)
    alike = graph._alike(first, last)
    dense = np.zeros((last - first + 40, frames + 40))
    part = alike.tocoo()
    dense[part.row + 20, part.row + part.col + first - last + 20] = part.data
    total = sum(
        (1 - abs(n) / 21) * dense[20 + n : 20 + n + last - first, 20 + n : 20 + n + frames] for n in range(-20, 21)
    )
    edges = graph._lasting(alike, first, last)
    assert len(edges.near) > 10
    np.testing.assert_allclose(total[edges.near - first, edges.far], edges.likeness)
    assert (edges.likeness > 2).all()
    assert graph.known[edges.near].all()
    assert graph.known[edges.far].all()


def test_peaks_are_those_of_a_plain_comparison():
    random = np.random.default_rng(0)
    plane = random.integers(0, 6, (30, 40)).astype(float)
    near, far = plane.nonzero()
    order = random.permutation(len(near))
    near, far = near[order], far[order]
    padded = np.pad(plane, 1)
    expected = [plane[i, j] == padded[i : i + 3, j : j + 3].max() for i, j in zip(near, far, strict=True)]
    assert _peaks(_Edges(near, far, plane[near, far])).tolist() == expected
    assert _peaks(_Edges(*(np.zeros(0, dtype=int),) * 3)).shape == (0,)


def test_the_cheapest_pair_of_edges_is_that_of_a_plain_search():
    audio, gap = twice()
    graph, random = _Graph(audio, gap, RATE), np.random.default_rng(0)
    leave = _Edges(random.integers(0, 60, 80), random.integers(100, 200, 80), random.uniform(2, 20, 80))
    back = _Edges(random.integers(70, 90, 80), random.integers(100, 250, 80), random.uniform(2, 20, 80))
    run = Gap(round(62 * graph.hop), round(66 * graph.hop))
    costs = {}
    for i1, j1, w1 in zip(*leave, strict=True):
        for i2, j2, w2 in zip(*back, strict=True):
            detour = abs((j2 - j1) - (i2 - i1))
            if detour < 4:
                lost = run.start / graph.hop - i1 + i2 - run.stop / graph.hop
                costs[i1, j1, i2, j2] = 10 * detour + 10 * lost + 100 / w1 + 100 / w2
    assert tuple(graph._pairs(leave, back, run)[0]) == min(costs, key=costs.get)


@pytest.mark.parametrize("frequency", [1252.0, 1256.0, 1262.0])
def test_the_phase_feature_is_a_tones_distance_from_its_bin(frequency):
    tone = torch.cos(2 * torch.pi * frequency * torch.arange(12000, dtype=torch.float64) / 12000)
    features = _Features(tone.float())
    centre = round(frequency * 1024 / 12000)
    turns = features._turns(*features._spectra(30, 40))
    assert turns.shape == (10, 513)
    expected = 2 * torch.pi * (frequency / 12000 - centre / 1024)
    np.testing.assert_allclose(turns[:, centre], -expected, atol=1e-6)
    assert not turns[:, centre + 20 :].any()


@pytest.mark.parametrize(("length", "fade"), [(1, 80), (100, 80), (1000, 80)])
def test_fades_rise_from_both_edges(length, fade):
    weight = edge_fade(length, fade)
    assert torch.equal(weight, weight.flip(0))
    assert 0 < weight[0] <= weight.max() <= 1
    assert (weight[: length // 2 + 1].diff() >= 0).all()
    assert (weight[fade : length - fade] == 1).all()
