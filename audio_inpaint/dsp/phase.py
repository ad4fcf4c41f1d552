"""Phases for lost frames whose magnitudes are known: phase gradient heap integration, then fast Griffin-Lim.

Every function takes and gives spectra (..., freq, frame) of an `STFT`, changes only the frames marked in `lost`
(frame,), and runs without gradients.
"""

import math
from heapq import heapify, heappop, heappush

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.dsp.stft import STFT, overlap_add

# exp(-pi t^2 / 0.25645) is the Gaussian nearest to a Hann window of length 1 (Průša et al., 2017).
_HANN_GAMMA = 0.25645
# A coefficient this small has no phase worth keeping; it guards a division.
_NOTHING = 1e-15


@torch.no_grad()
def reconstruct_phase(
    stft: STFT, magnitude: Tensor, spectrum: Tensor, lost: Tensor, length: int, iterations: int = 100
) -> Tensor:
    """Fill lost frames from their magnitudes, with phases that suit each other and the frames around them.

    Args:
        stft: the transform that the spectra come from.
        magnitude: of the lost frames alone, (..., freq, lost frame); what is below zero counts as zero.
        spectrum: (..., freq, frame) complex; what stands in its lost frames is ignored.
        lost: true = lost, (frame,).
        length: samples of the signal.
        iterations: of fast Griffin-Lim.

    Returns:
        the spectra with their lost frames filled, (..., freq, frame).

    Source: Marafioti et al., 2019, "A context encoder for audio inpainting", section 2.4.
    """
    filled = _replace(spectrum, lost, magnitude.clamp(min=0))
    return fast_griffin_lim(stft, phase_gradient_heap_integration(stft, filled, lost), lost, length, iterations)


@torch.no_grad()
def phase_gradient_heap_integration(
    stft: STFT, spectrum: Tensor, lost: Tensor, tolerance: float = 1e-7, seed: int = 0
) -> Tensor:
    """Give lost frames the phases that their magnitudes imply, integrated from the known phases on both sides.

    For a Gaussian window the gradient of the phase follows from that of the log magnitude. It is integrated from each
    bin reached to its neighbours, the largest bin first; where nothing known is in reach, the largest bin gets phase 0.

    Args:
        stft: the transform that the spectra come from.
        spectrum: (..., freq, frame) complex; the magnitudes of its lost frames count, their phases do not.
        lost: true = lost, (frame,).
        tolerance: bins up to this, relative to the largest in and beside the lost frames, get random phases.
        seed: of the random phases, which are the same for every spectrum of a batch.

    Returns:
        the spectra with new phases in the lost frames, (..., freq, frame).

    Source: Průša, Balazs and Søndergaard, 2017, "A noniterative method for reconstruction of phase from STFT
    magnitude", algorithm 1.
    """
    if not spectrum[..., lost].numel():
        return spectrum.clone()
    # All neighbours of a lost frame are kept beside it. Known frames may become neighbours, which changes nothing.
    lost = lost.cpu()
    around = pad(lost, (1, 1))
    kept = lost | around[2:] | around[:-2]
    new = lost[kept]
    # The heap lives in the processor, and so does all that is prepared for it.
    region = spectrum[..., kept].cpu().reshape(-1, spectrum.shape[-2], len(new)).mT.to(torch.complex128)
    magnitude = region.abs()
    floor = tolerance * magnitude.amax((-2, -1), keepdim=True)
    audible, unknown = magnitude > floor, new[:, None]
    noise = torch.rand(region.shape[1:], generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    phase = torch.where(unknown, 2 * math.pi * noise, region.angle())
    fields = (magnitude, phase, audible & ~unknown, audible & unknown, *_increments(stft, magnitude, floor))
    # A border of bins that are not sought spares the search for neighbours a test of bounds.
    rows = zip(*(pad(field, (0, 1, 1, 1)).numpy() for field in fields), strict=True)
    found = torch.from_numpy(np.stack([_integrate(*row) for row in rows]))[:, 1:-1, :-1]
    frames = torch.polar(magnitude, found)[:, new].mT
    return _replace(spectrum, lost, frames.reshape(*spectrum.shape[:-1], -1))


def _increments(stft: STFT, magnitude: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Phase from each bin to the one of the next frame, and to the next bin, both (batch, frame, freq).

    With s the log magnitude, m the bin and n the frame, and phases referred to the window's centre, the derivatives are
    `d/dn = (hop n_fft / gamma) ds/dm + 2 pi hop m / n_fft` and `d/dm = -(gamma / (hop n_fft)) ds/dn`.
    """
    hop_length, n_fft, win_length = stft.hop_length, stft.n_fft, stft.win_length
    ratio = _HANN_GAMMA * win_length**2 / (hop_length * n_fft)
    s = magnitude.maximum(floor + 1e-300).log()
    # The spectrum of a real signal is even about bin 0 and about n_fft / 2, which is no bin if n_fft is odd.
    mirrored = torch.cat([s[..., 1:2], s, s[..., -1:] if n_fft % 2 else s[..., -2:-1]], -1)
    bins = torch.arange(s.shape[-1], dtype=s.dtype, device=s.device)
    by_frame = (mirrored[..., 2:] - mirrored[..., :-2]) / (2 * ratio) + 2 * math.pi * hop_length / n_fft * bins
    slope = torch.gradient(s, dim=-2)[0] if s.shape[-2] > 1 else torch.zeros_like(s)
    # The transform refers its phases to the start of the frame instead, which turns them by this much more a bin.
    centre = (n_fft - win_length) // 2 + win_length / 2
    by_bin = -ratio * slope - 2 * math.pi * centre / n_fft
    # The trapezoidal rule; nothing comes after the last.
    to_next_frame = pad((by_frame[..., :-1, :] + by_frame[..., 1:, :]) / 2, (0, 0, 0, 1))
    to_next_bin = pad((by_bin[..., :-1] + by_bin[..., 1:]) / 2, (0, 1))
    return to_next_frame, to_next_bin


def _integrate(
    magnitude: np.ndarray,
    phase: np.ndarray,
    known: np.ndarray,
    sought: np.ndarray,
    to_next_frame: np.ndarray,
    to_next_bin: np.ndarray,
) -> np.ndarray:
    """Phases of one spectrogram (frame, freq), those of the sought bins integrated from the known ones."""
    width = magnitude.shape[-1]
    # The heap holds places in the order of magnitudes: whole numbers compare faster than pairs of magnitude and bin.
    order = np.argsort(-magnitude, axis=None, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    heap = rank[known.ravel()].tolist()
    heapify(heap)
    starts = order[sought.ravel()[order]].tolist()
    out, order, rank, sought, to_next_frame, to_next_bin = (
        field.ravel().tolist() for field in (phase, order, rank, sought, to_next_frame, to_next_bin)
    )
    for start in starts:
        while heap:
            here = order[heappop(heap)]
            before, below = here - width, here - 1
            for there, turn in (
                (here + width, to_next_frame[here]),
                (before, -to_next_frame[before]),
                (here + 1, to_next_bin[here]),
                (below, -to_next_bin[below]),
            ):
                if sought[there]:
                    sought[there] = False
                    out[there] = out[here] + turn
                    heappush(heap, rank[there])
        if sought[start]:
            sought[start] = False
            out[start] = 0.0
            heappush(heap, rank[start])
    return np.reshape(out, phase.shape)


@torch.no_grad()
def fast_griffin_lim(
    stft: STFT, spectrum: Tensor, lost: Tensor, length: int, iterations: int = 100, alpha: float = 0.99
) -> Tensor:
    """Refine the phases of lost frames until the spectra are nearly those of signals; magnitudes stay as they are.

    `t_n = P1(P2(c_n-1))`, `c_n = t_n + alpha (t_n - t_n-1)`, where P2 restores the magnitudes of the lost frames and
    the known frames whole, and P1 goes to the signal and back. P1 is linear and the known frames are always the same,
    so their share of it is computed once, and an iteration transforms nothing but the lost frames.

    Args:
        stft: the transform that the spectra come from.
        spectrum: (..., freq, frame) complex, the lost frames with their magnitudes and first phases.
        lost: true = lost, (frame,).
        length: samples of the signal.
        iterations: how often to go to the signal and back.
        alpha: acceleration; at 0 this is the method of Griffin and Lim.

    Returns:
        the spectra with new phases in the lost frames, (..., freq, frame).

    Source: Perraudin, Balazs and Søndergaard, 2013, "A fast Griffin-Lim algorithm".
    """
    if not spectrum[..., lost].numel():
        return spectrum.clone()
    first, last = lost.nonzero()[[0, -1], 0].tolist()
    span = slice(first, last + 1)
    lost_part = spectrum.masked_fill(~lost.to(spectrum.device), 0)
    share = stft(stft.inverse(spectrum - lost_part, length))[..., span].mT.contiguous()
    # Known frames between lost ones have magnitude zero here: they are in the share already.
    c = t = lost_part[..., span].mT.contiguous()
    magnitude = c.abs()
    window = stft.padded_window(magnitude.dtype).to(magnitude.device)
    energy = overlap_add(window.square().expand(spectrum.shape[-1], -1), stft.hop_length)
    place = torch.arange(len(energy), device=energy.device) - stft.n_fft // 2
    weight = torch.where((place >= 0) & (place < length), 1 / energy, 0)[first * stft.hop_length :]
    for _ in range(iterations):
        frames = torch.fft.irfft(_with_magnitude(c, magnitude), stft.n_fft).mul_(window)
        signal = overlap_add(frames, stft.hop_length)
        signal *= weight[: signal.shape[-1]]
        frames = signal.unfold(-1, stft.n_fft, stft.hop_length) * window
        previous, t = t, torch.fft.rfft(frames).add_(share)
        c = torch.lerp(previous, t, 1 + alpha)
    return _replace(spectrum, lost, _with_magnitude(c, magnitude)[..., lost[span], :].mT)


def _with_magnitude(c: Tensor, magnitude: Tensor) -> Tensor:
    return c * (magnitude / c.abs().clamp_(min=_NOTHING))


def _replace(spectrum: Tensor, lost: Tensor, frames: Tensor) -> Tensor:
    out = spectrum.clone()
    out[..., lost] = frames.to(out)
    return out
