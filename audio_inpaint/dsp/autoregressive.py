"""Autoregressive models of sound: Burg's fit, linear prediction, least-squares interpolation of lost samples.

A model of order p is written `a = [1, a1 .. ap]`; its prediction residual is `e[n] = sum_i a_i x[n - i]`.
Everything is computed in double precision and returned in the dtype and on the device of the input, without gradients.
"""

import contextlib

import numpy as np
import torch
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import LinAlgError, solveh_banded
from scipy.signal import lfilter
from torch import Tensor

from audio_inpaint.dsp import toeplitz
from audio_inpaint.errors import InputError

# A residual this far below the signal's energy is rounding noise: the signal is already predicted exactly.
_EXHAUSTED = 1e-30
# Rows fitted at once: their work buffers (three doubles a sample) should stay in a core's cache.
_BLOCK_SAMPLES = 2**15
# Added to the diagonal, relative to it, where pure tones make the normal equations singular.
_LOADING = 1e-12


@torch.no_grad()
def burg(x: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Fit autoregressive models by Burg's recursion, every leading dimension on its own.

    Args:
        x: signals, (..., time).
        order: p, from 0 to time - 1.

    Returns:
        coefficients (..., p + 1), the first one 1, and reflection coefficients (..., p), all within [-1, 1]. A signal
        that is predicted exactly by fewer coefficients (silence, a constant, pure tones) gets zeros from there on.

    Raises:
        InputError: the order does not suit the length.

    Source: Burg, 1975, "Maximum entropy spectral analysis".
    """
    time = x.shape[-1]
    if not 0 <= order <= time - 1:
        raise InputError(f"order {order} does not suit {time} samples: choose an order from 0 to {time - 1}")
    rows = x.reshape(-1, time).double()
    fits = [_burg_rows(block, order) for block in rows.split(max(1, _BLOCK_SAMPLES // time))]
    a, reflection = (torch.cat(part) if fits else rows.new_zeros(0) for part in zip(*fits, strict=True))
    return a.reshape(*x.shape[:-1], order + 1).to(x.dtype), reflection.reshape(*x.shape[:-1], order).to(x.dtype)


def _burg_rows(x: Tensor, order: int) -> tuple[Tensor, Tensor]:
    count = x.shape[-1] - 1
    forward, backward = x[:, 1:].clone(), x[:, :-1].clone()
    scratch = torch.empty_like(forward)
    a = x.new_zeros(x.shape[0], order + 1)
    a[:, 0] = 1
    reflection = x.new_zeros(x.shape[0], order)
    floor = _EXHAUSTED * _energy(x)
    for m in range(order):
        f, b, product = forward[:, m:], backward[:, : count - m], scratch[:, m:]
        correlation = torch.mul(f, b, out=product).sum(-1, keepdim=True)
        energy = _energy(f) + _energy(b)
        k = torch.where(energy > floor, (-2 * correlation / energy).clamp(-1, 1), 0.0)
        torch.mul(f, k, out=product)
        f.addcmul_(b, k)
        b.add_(product)
        a[:, 1 : m + 2] += k * a[:, : m + 1].flip(-1)
        reflection[:, m] = k[:, 0]
    return a, reflection


def _energy(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=-1, keepdim=True).square()


@torch.no_grad()
def predict(x: Tensor, a: Tensor, steps: int) -> Tensor:
    """Continue signals by running their predictors forward from the last p samples.

    Args:
        x: signals, (..., time), with time >= p.
        a: coefficients, (..., p + 1), the first one 1.
        steps: samples to predict.

    Returns:
        the continuation alone, (..., steps).

    Raises:
        InputError: fewer samples than the predictor needs.
    """
    order = a.shape[-1] - 1
    if x.shape[-1] < order:
        raise InputError(f"a predictor of order {order} needs as many samples to start from, not {x.shape[-1]}")
    past = x[..., x.shape[-1] - order :].reshape(x.shape[:-1].numel(), order).double().cpu().numpy()
    models = a.reshape(-1, order + 1).double().cpu().numpy()
    out = np.zeros((len(past), steps))
    if order:
        nothing = np.zeros(steps)
        for row, u, model in zip(out, past, models, strict=True):
            # The state of a transposed all-pole filter whose last outputs were u: z[m] = -sum_i a[m + i] u[p - i].
            state = -np.convolve(model, u)[order:]
            row[:] = lfilter([1.0], model, nothing, zi=state)[0]
    return torch.from_numpy(out).reshape(*x.shape[:-1], steps).to(x)


@torch.no_grad()
def interpolate(x: Tensor, gap: Tensor, a: Tensor) -> Tensor:
    """Give lost samples the values that leave the smallest squared prediction residual.

    With `b_k = sum_i a_i a_{i+k}` the lost samples u solve `T u = r`, where `T_ij = b_|i-j|` and
    `r_i = -sum_{j known} b_|i-j| x_j`: one contiguous gap by `dsp.toeplitz`, O(h^2), scattered samples by a banded
    Cholesky factorisation.

    Args:
        x: signals, (..., time), which lost the same samples; what stands there is ignored.
        gap: true = lost, (time,), with at least p known samples before the first and after the last lost one.
        a: coefficients of each signal, (..., p + 1), the first one 1.

    Returns:
        the values of the lost samples alone, (..., lost).

    Raises:
        InputError: the known samples around the gap are fewer than p.

    Source: Janssen, Veldhuis and Vries, 1986, "Adaptive interpolation of discrete-time signals that can be modeled
    as autoregressive processes", eqs. 13-18.
    """
    lost = gap.nonzero().squeeze(-1).cpu().numpy()
    if not len(lost):
        return x.new_zeros(*x.shape[:-1], 0)
    order = a.shape[-1] - 1
    first, last = int(lost[0]), int(lost[-1])
    if min(first, len(gap) - 1 - last) < order:
        raise InputError(f"a model of order {order} needs as many known samples before and after the gap")
    # Only the residuals from the first lost sample to p after the last one depend on what is lost.
    near = slice(first - order, last + order + 1)
    known = x[..., near].masked_fill(gap[near], 0).reshape(-1, near.stop - near.start).double().cpu().numpy()
    lost = lost - first
    size = next_fast_len(known.shape[-1], real=True)  # what wraps around stays within p samples of the ends
    kernel = rfft(a.reshape(-1, order + 1).double().cpu().numpy(), size)
    power = kernel.real**2 + kernel.imag**2
    correlations = irfft(power, size)[:, : order + 1]
    targets = -irfft(rfft(known, size) * power, size)[:, order + lost]
    fills = np.zeros_like(targets)
    # Gaps more than p apart do not meet in these equations.
    for own in np.split(np.arange(len(lost)), np.flatnonzero(np.diff(lost) > order) + 1):
        fills[:, own] = _solve(lost[own] - lost[own[0]], correlations, targets[:, own])
    return torch.from_numpy(fills).reshape(*x.shape[:-1], len(lost)).to(x)


def _solve(lost: np.ndarray, correlations: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Solve `T u = target` with `T_ij = correlation[|lost_i - lost_j|]` for every row; zeros where that fails."""
    fills, left = np.zeros_like(targets), np.arange(len(targets))
    for loading in (0.0, _LOADING):
        if not len(left):
            break
        loaded = correlations[left]
        loaded[:, 0] *= 1 + loading
        if lost[-1] == len(lost) - 1:
            found, solved = toeplitz.solve(loaded, targets[left])
        else:
            found, solved = _solve_banded(lost, loaded, targets[left])
        fills[left[solved]] = found[solved]
        left = left[~solved]
    return fills


def _solve_banded(lost: np.ndarray, correlations: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    solutions, solved = np.zeros_like(targets), np.zeros(len(targets), bool)
    order = correlations.shape[1] - 1
    padded = np.zeros((len(targets), max(order, int(lost[-1])) + 1))
    padded[:, : order + 1] = correlations
    for row, (correlation, target) in enumerate(zip(padded, targets, strict=True)):
        with contextlib.suppress(LinAlgError):
            solutions[row] = solveh_banded(_bands(lost, correlation, order), target, lower=True)
            solved[row] = True
    return solutions, solved


def _bands(lost: np.ndarray, padded: np.ndarray, order: int) -> np.ndarray:
    """Lower diagonals of T: samples more than p apart do not meet, and indices are never farther apart than samples."""
    width = min(order, len(lost) - 1)
    bands = np.zeros((width + 1, len(lost)))
    for d in range(width + 1):
        bands[d, : len(lost) - d] = padded[lost[d:] - lost[: len(lost) - d]]
    return bands
