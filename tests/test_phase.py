"""Phases of lost frames: against a literal heap, a literal Griffin-Lim loop, and signals whose phases are known."""

import heapq
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_inpaint.dsp.phase import fast_griffin_lim, phase_gradient_heap_integration, reconstruct_phase
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.files.recording import read

CLIPS = Path(__file__).parent.parent / "demo" / "clips"
PAPER, RATE, LENGTH = STFT(512, 128), 16000, 5120
GAP = torch.zeros(LENGTH, dtype=torch.bool)
GAP[2048:3072] = True
LOST = PAPER.touched(GAP)
# (STFT, samples, lost frames): inside, at both edges, beside single known frames, everything; uneven sizes
PROBLEMS = {
    "the paper's gap": (PAPER, LENGTH, range(15, 26)),
    "at the start": (STFT(64, 16), 640, range(0, 9)),
    "at the end, uneven length": (STFT(64, 16), 651, range(30, 41)),
    "two gaps and a single known frame": (STFT(64, 16), 640, [5, 6, 7, 9, 10, 25]),
    "everything": (STFT(64, 16), 320, range(21)),
    "hop not in the window": (STFT(64, 20, 40), 800, range(11, 19)),
    "odd sizes": (STFT(63, 15, 45), 700, range(12, 20)),
}


def problem(name, batch=(2,)):
    stft, length, frames = PROBLEMS[name]
    lost = torch.zeros(stft.frames(length), dtype=torch.bool)
    lost[list(frames)] = True
    generator = torch.Generator().manual_seed(3)
    spectrum = stft(torch.randn(*batch, length, generator=generator, dtype=torch.double))
    return stft, length, lost, spectrum


def magnitudes_only(spectrum, lost):
    return torch.where(lost, spectrum.abs().to(spectrum.dtype), spectrum)


def notes(count, seed=0):
    """Decaying harmonics with a little noise, (count, 5120)."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(LENGTH, dtype=torch.double) / RATE
    out = []
    for pitch in 55 * 2 ** (5 * torch.rand(count, generator=generator, dtype=torch.double)):
        number = torch.arange(1, int(7500 / pitch) + 1, dtype=torch.double)[:, None]
        level, start = torch.rand(2, len(number), 1, generator=generator, dtype=torch.double)
        wave = torch.cos(2 * math.pi * (number * pitch * time + start)) * torch.exp(-time * (2 + 0.7 * number))
        x = (level * number**-1.2 * wave).sum(0)
        out.append(0.3 * x / x.abs().max())
    return torch.stack(out) + 1e-5 * torch.randn(count, LENGTH, generator=generator, dtype=torch.double)


def excerpts(name, count):
    audio, rate = read(CLIPS / name)
    assert rate == RATE
    windows = audio.double().mean(0).unfold(-1, LENGTH, 512)
    return windows[torch.linspace(0, len(windows) - 1, count).long()]


def decibels(signal, error):
    return (10 * (signal.square().sum(-1) / error.square().sum(-1)).log10()).mean().item()


def scores(filled, x):
    """Mean SNR_MS on the five frames within the gap, of the signal analysed again, and mean SNR_TD."""
    restored = PAPER.inverse(filled.to(torch.complex128), LENGTH)
    true, ours = (PAPER(y)[..., 18:23].abs().flatten(-2) for y in (x, restored))
    return decibels(true, true - ours), decibels(x[:, GAP], (x - restored)[:, GAP])


def wrapped(phase):
    return np.angle(np.exp(1j * np.asarray(phase)))


# ---- heap integration


def literal_heap_integration(stft, spectrum, lost):
    """One spectrogram, bin by bin; phases referred to the window's centre within. Returns phases (freq, frame)."""
    hop, n_fft, win = stft.hop_length, stft.n_fft, stft.win_length
    gamma = 0.25645 * win * win
    magnitude, (bins, frames) = np.abs(spectrum), spectrum.shape
    bin_turn = 2 * math.pi * ((n_fft - win) // 2 + win / 2) / n_fft
    s = np.log(magnitude)

    def by_frame(m, n):
        above = s[m + 1, n] if m + 1 < bins else s[n_fft - m - 1, n]
        return (above - s[abs(m - 1), n]) / 2 * hop * n_fft / gamma + 2 * math.pi * hop * m / n_fft

    def by_bin(m, n):
        first, last = max(n - 1, 0), min(n + 1, frames - 1)
        return -(s[m, last] - s[m, first]) / (last - first) * gamma / (hop * n_fft)

    phase = np.angle(spectrum) + bin_turn * np.arange(bins)[:, None]
    unknown = {(m, n) for m in range(bins) for n in range(frames) if lost[n]}
    heap = [(-magnitude[m, n], m, n) for m in range(bins) for n in range(frames) if not lost[n]]
    heapq.heapify(heap)
    while unknown or heap:
        if not heap:
            largest = max(unknown, key=lambda place: magnitude[place])
            unknown.remove(largest)
            phase[largest] = bin_turn * largest[0]
            heapq.heappush(heap, (-magnitude[largest], *largest))
        _, m, n = heapq.heappop(heap)
        for there in ((m, n + 1), (m, n - 1), (m + 1, n), (m - 1, n)):
            if there in unknown:
                unknown.remove(there)
                derivative = by_frame if there[0] == m else by_bin
                mean = (derivative(m, n) + derivative(*there)) / 2
                phase[there] = phase[m, n] + mean * (there[0] - m + there[1] - n)
                heapq.heappush(heap, (-magnitude[there], *there))
    return phase - bin_turn * np.arange(bins)[:, None]


@pytest.mark.parametrize("name", PROBLEMS)
def test_heap_integration_equals_a_literal_heap(name):
    stft, _, lost, spectrum = problem(name)
    ours = phase_gradient_heap_integration(stft, magnitudes_only(spectrum, lost), lost)
    torch.testing.assert_close(ours.abs(), spectrum.abs())
    for mine, truth in zip(ours, spectrum, strict=True):
        expected = literal_heap_integration(stft, truth.numpy(), lost.numpy())
        assert np.abs(wrapped(mine.angle().numpy() - expected)).max() < 1e-7


def test_heap_integration_equals_pghipy():
    pghipy = pytest.importorskip("pghipy")
    x = notes(1)[0] * torch.hann_window(LENGTH, dtype=torch.double) ** 4
    spectrum = PAPER(x)
    everything = torch.ones(spectrum.shape[-1], dtype=torch.bool)
    ours = phase_gradient_heap_integration(PAPER, spectrum, everything, tolerance=0.0)
    plain = pghipy.pghi.py_func  # compiling it would take far longer
    theirs = plain(spectrum.abs().mT.contiguous().numpy(), 512, 128, gamma=0.25645 * 512**2, tol=0.0).T
    loud = spectrum.abs().numpy() > 1e-3 * spectrum.abs().max().item()
    loud[[0, -1]] = False  # where the one mirrors the spectrum and the other repeats its last bin
    assert loud.sum() > 500
    assert np.abs(wrapped(ours.angle().numpy() - theirs))[loud].max() < 1e-6


@pytest.mark.parametrize("bin_number", [3, 40, 200])
def test_a_tone_on_a_bin_goes_on_in_phase(bin_number):
    x = torch.cos(2 * math.pi * bin_number / 512 * torch.arange(LENGTH, dtype=torch.double) + 1)
    spectrum = PAPER(x)
    filled = phase_gradient_heap_integration(PAPER, magnitudes_only(spectrum, LOST), LOST)
    torch.testing.assert_close(filled[bin_number], spectrum[bin_number], rtol=0, atol=1e-8)
    torch.testing.assert_close(PAPER.inverse(filled, LENGTH), x, rtol=0, atol=1e-5)


def test_a_sweep_goes_on_in_phase():
    time = torch.arange(LENGTH, dtype=torch.double) / RATE
    x = torch.cos(2 * math.pi * (1000 * time + 3000 * time**2))[None]
    spectrum = PAPER(x)
    filled = phase_gradient_heap_integration(PAPER, magnitudes_only(spectrum, LOST), LOST)
    assert scores(filled, x)[1] > 30
    assert scores(fast_griffin_lim(PAPER, filled, LOST, LENGTH), x)[1] > 60


def test_a_click_in_silence_stays_where_it_is():
    x = torch.zeros(LENGTH, dtype=torch.double)
    x[2600] = 1
    spectrum = PAPER(x)
    restored = PAPER.inverse(phase_gradient_heap_integration(PAPER, magnitudes_only(spectrum, LOST), LOST), LENGTH)
    assert restored.isfinite().all()
    assert abs(restored.abs().argmax() - 2600) < 5
    assert restored[2585:2616].square().sum() > 0.9 * restored.square().sum()


def test_bins_below_the_tolerance_get_phases_from_the_seed():
    tone = torch.cos(2 * math.pi * 40 / 512 * torch.arange(LENGTH, dtype=torch.double))
    spectrum = PAPER(tone + 1e-6 * notes(1)[0])
    first, again, other = (
        phase_gradient_heap_integration(PAPER, spectrum, LOST, tolerance=1e-3, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    changed = (first - other).abs() > 1e-12
    assert changed[:, LOST].any()
    assert not changed[39:42].any()


# ---- Griffin-Lim


def literal_fast_griffin_lim(stft, spectrum, lost, length, iterations, alpha):
    magnitude = spectrum.abs()

    def restore_what_is_known(c):
        return torch.where(lost, torch.polar(magnitude, c.angle()), spectrum)

    c = before = spectrum
    for _ in range(iterations):
        t = stft(stft.inverse(restore_what_is_known(c), length))
        c = t + alpha * (t - before)
        before = t
    return restore_what_is_known(c)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("iterations", "alpha"), [(1, 0.99), (30, 0.99), (10, 0.0)])
def test_griffin_lim_equals_a_literal_loop_over_the_whole_signal(name, iterations, alpha):
    stft, length, lost, spectrum = problem(name)
    start = phase_gradient_heap_integration(stft, spectrum, lost)
    ours = fast_griffin_lim(stft, start, lost, length, iterations, alpha)
    expected = literal_fast_griffin_lim(stft, start, lost, length, iterations, alpha)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)
    assert torch.equal(ours[..., ~lost], spectrum[..., ~lost])


def test_true_phases_stay():
    stft, length, lost, spectrum = problem("the paper's gap")
    torch.testing.assert_close(fast_griffin_lim(stft, spectrum, lost, length), spectrum)


# ---- both


# Measured, SNR_MS and SNR_TD in dB: 38.9, 20.8 and 64.0, 40.9; 14.8, 4.6 and 41.8, 20.8; 18.1, 9.2 and 45.6, 26.1.
@pytest.mark.parametrize(
    ("material", "heap", "both"),
    [
        (lambda: notes(16), (36, 18), (60, 37)),
        (lambda: excerpts("music_16k.flac", 16), (13, 3), (39, 18)),
        (lambda: excerpts("speech_16k.flac", 16), (16, 7), (43, 23)),
    ],
    ids=["notes", "music", "speech"],
)
def test_true_magnitudes_bring_the_signal_back(material, heap, both):
    x = material()
    spectrum = PAPER(x).to(torch.complex64)
    blank = spectrum.masked_fill(LOST, 0)
    integrated = reconstruct_phase(PAPER, spectrum[..., LOST].abs(), blank, LOST, LENGTH, iterations=0)
    filled = reconstruct_phase(PAPER, spectrum[..., LOST].abs(), blank, LOST, LENGTH)
    assert filled.dtype == torch.complex64
    assert all(np.array(scores(integrated, x)) > heap)
    assert all(np.array(scores(filled, x)) > both)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_equals_its_spectra_one_by_one(dtype):
    spectrum = PAPER(notes(6).to(dtype)).unflatten(0, (2, 3))
    magnitude = spectrum[..., LOST].abs()
    together = reconstruct_phase(PAPER, magnitude, spectrum, LOST, LENGTH, iterations=20)
    assert together.shape == spectrum.shape
    for i, j in ((0, 0), (1, 2)):
        alone = reconstruct_phase(PAPER, magnitude[i, j], spectrum[i, j], LOST, LENGTH, iterations=20)
        torch.testing.assert_close(together[i, j], alone, rtol=1e-3, atol=1e-3)


def test_what_stands_in_the_lost_frames_does_not_matter():
    stft, length, lost, spectrum = problem("two gaps and a single known frame")
    magnitude = spectrum[..., lost].abs()
    first = reconstruct_phase(stft, magnitude, spectrum, lost, length)
    assert torch.equal(first, reconstruct_phase(stft, magnitude, spectrum.masked_fill(lost, math.nan), lost, length))
    torch.testing.assert_close(first[..., lost].abs(), magnitude)


def test_magnitudes_below_zero_count_as_zero_and_carry_no_gradient():
    stft, length, lost, spectrum = problem("at the start")
    magnitude = (spectrum[..., lost].abs() - 2).requires_grad_()
    assert (magnitude < 0).any()
    filled = reconstruct_phase(stft, magnitude, spectrum, lost, length)
    torch.testing.assert_close(filled[..., lost].abs(), magnitude.detach().clamp(min=0))
    assert not filled.requires_grad


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize(("context", "gap"), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
def test_silence_gives_no_nan(dtype, context, gap):
    stft, length, lost, spectrum = problem("the paper's gap")
    spectrum = spectrum.to(dtype)
    filled = reconstruct_phase(stft, gap * spectrum[..., lost].abs(), context * spectrum, lost, length)
    assert filled.isfinite().all()
    torch.testing.assert_close(filled[..., lost].abs(), gap * spectrum[..., lost].abs())


def test_empty_bins_are_no_trouble_at_tolerance_zero():
    stft, _, lost, spectrum = problem("at the start")
    spectrum[:, 5:9] = 0
    assert phase_gradient_heap_integration(stft, spectrum, lost, tolerance=0.0).isfinite().all()


def test_nothing_to_fill_is_left_as_it_is():
    stft, length, lost, spectrum = problem("at the start")
    none = torch.zeros_like(lost)
    assert torch.equal(reconstruct_phase(stft, spectrum[..., none].abs(), spectrum, none, length), spectrum)
    empty = spectrum[:0]
    assert reconstruct_phase(stft, empty[..., lost].abs(), empty, lost, length).shape == empty.shape
