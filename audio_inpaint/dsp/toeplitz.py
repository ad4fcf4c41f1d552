"""Symmetric positive definite Toeplitz equations: the inverse from one predictor, applied by FFT where that is faster.

Levinson's recursion updates a predictor, its reverse and the solution at every order, 1.5 n² multiplications in loops
over vectors of n. The split recursion updates one symmetric polynomial, of which half need be kept: a sixth of that.
What it gives away, some digits where T is ill-conditioned, one step of iterative refinement brings back.
"""

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from audio_inpaint.dsp.compiled import compiled

# What may be left of a target before refinement, which leaves about the square of it; of healthy systems it is 1e-8.
_SOLVED = 1e-4
# Unknowns up to which sums over all pairs take less time than the calls of a transform.
_FEW = 384


def solve(c: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve `T u = target`, `T_ij = c[|i - j|]`, every row on its own.

    Args:
        c: the first columns, (row, band + 1), zero beyond, in double precision.
        targets: right-hand sides, (row, n).

    Returns:
        u (row, n), and which rows are solved, (row,): the others, whose T is not positive definite to rounding, are
        arbitrary.

    Source: Delsarte and Genin, 1986, "The split Levinson algorithm"; Gohberg and Semencul, 1972, for the inverse.
    """
    rows, n = targets.shape
    c, targets = np.ascontiguousarray(c[:, :n]), np.ascontiguousarray(targets)
    predictors, errors = np.zeros((rows, n)), np.zeros(rows)
    _predict(c, predictors, errors)
    solved = errors > 0
    times, inverse = (_summed if n <= _FEW else _transformed)(c, predictors, np.where(solved, errors, 1.0))
    u = inverse(targets)
    rest = targets - times(u)
    solved &= np.abs(rest).max(-1) <= _SOLVED * np.abs(targets).max(-1)
    return u + inverse(rest), solved


# T^-1 = (A A' - B B') / error, A and B being lower triangular Toeplitz matrices: A's first column is the predictor, B's
# is 0 and the predictor in reverse, but for its first coefficient.
def _summed(c: np.ndarray, predictors: np.ndarray, errors: np.ndarray) -> tuple[Callable, Callable]:
    """Return the products of every row's T, and of its inverse, with a vector (row, n)."""

    def times(x: np.ndarray) -> np.ndarray:
        _multiply(c, x, out := np.zeros_like(x))
        return out

    def inverse(x: np.ndarray) -> np.ndarray:
        _divide(predictors, errors, x, out := np.zeros_like(x))
        return out

    return times, inverse


def _transformed(c: np.ndarray, predictors: np.ndarray, errors: np.ndarray) -> tuple[Callable, Callable]:
    """Return the same as `_summed`, by FFT."""
    rows, n = predictors.shape
    size = next_fast_len(2 * n, real=True)
    columns = np.zeros((rows, 2, n))
    columns[:, 0], columns[:, 1, 1:] = predictors, predictors[:, :0:-1]
    columns = rfft(columns, size)
    signed = columns * (np.array([[1.0], [-1.0]]) / errors[:, None, None])
    wrapped = np.zeros((rows, size))
    wrapped[:, : c.shape[1]] = c
    wrapped[:, size - c.shape[1] + 1 :] = c[:, :0:-1]
    response = rfft(wrapped).real

    def times(x: np.ndarray) -> np.ndarray:
        return irfft(response * rfft(x, size), size)[:, :n]

    def inverse(x: np.ndarray) -> np.ndarray:
        inner = irfft(columns.conj() * rfft(x, size)[:, None], size)[..., :n]
        return irfft((signed * rfft(inner, size)).sum(1), size)[:, :n]

    return times, inverse


@compiled
def _predict(c, predictors, errors):
    """Write the predictor of order n - 1 of every row, the first coefficient 1, and its error; 0 where there is none.

    With a_k the predictor of order k and r_k its reverse, p_{k+1}(z) = a_k(z) + z r_k(z) is symmetric, and
    p_{k+1} = (1 + z) p_k - tau_k / tau_{k-1} z p_{k-1}, where tau_k = sum_i c_i p_{k,i}. The first half of each is
    kept; p_{k+1} takes the memory of p_{k-1}, begun one element earlier.
    """
    n, band = predictors.shape[1], c.shape[1] - 1
    polynomials = np.empty((2, n + 4))  # those of even and of odd degree
    start = n // 2 + 1
    for row in range(len(c)):
        column = c[row]
        later, back = column[1:], column[::-1].copy()
        polynomials[:] = 0.0
        polynomials[0, start] = 2.0
        polynomials[1, start : start + 2] = 1.0
        before, tau = column[0], column[0] + (column[1] if band else 0.0)
        for degree in range(2, n + 1):
            if not tau > 0:
                break
            ratio, middle, own = tau / before, degree // 2, polynomials[degree % 2]
            older, last = own[start + 1 - middle :], polynomials[1 - degree % 2, start - (degree - 1) // 2 :]
            before, tau, shifted = tau, column[0], last[1:]
            for i in range(middle):
                older[i] = shifted[i] + last[i] - ratio * older[i]
            for i in range(min(middle, band)):
                tau += later[i] * older[i]
            own[start - middle] = 1.0
            if degree % 2:
                older[middle] = older[middle - 1]
            # The other half is the first in reverse.
            first = max(0, degree - band)
            half, mirrored = own[start - middle + first :], back[band - degree + first :]
            for i in range((degree + 1) // 2 - first):
                tau += half[i] * mirrored[i]
        else:
            # (1 - z) a(z) = p_n(z) - share z p_{n-1}(z)
            last, older = polynomials[n % 2, start - n // 2 :], polynomials[1 - n % 2, start - (n - 1) // 2 :]
            total, earlier = 0.0, 0.0
            for i in range(n + 1):
                total += last[min(i, n - i)]
            for i in range(n):
                earlier += older[min(i, n - 1 - i)]
            share, value = total / earlier, 1.0
            predictors[row, 0] = value
            for i in range(1, n):
                value += last[min(i, n - i)] - share * older[min(i - 1, n - i)]
                predictors[row, i] = value
            errors[row] = max(0.0, share * before) if n > 1 else column[0]


@compiled
def _multiply(c, x, out):
    """Add T x to `out` for every row."""
    n = x.shape[1]
    for row in range(len(x)):
        own, column, result = x[row], c[row], out[row]
        for k in range(c.shape[1]):
            value, later, ahead = column[k], result[k:], own[k:]
            for i in range(n - k):
                later[i] += value * own[i]
            if k:
                for i in range(n - k):
                    result[i] += value * ahead[i]


@compiled
def _divide(predictors, errors, x, out):
    """Add T^-1 x to `out` for every row."""
    n = x.shape[1]
    for row in range(len(x)):
        a, b = predictors[row], np.zeros(n)
        b[1:] = a[:0:-1]
        for i in range(n):
            own, result = x[row, i:], out[row, i:]
            along_a, along_b = 0.0, 0.0
            for j in range(n - i):
                along_a += a[j] * own[j]
                along_b += b[j] * own[j]
            along_a, along_b = along_a / errors[row], along_b / errors[row]
            for j in range(n - i):
                result[j] += along_a * a[j] - along_b * b[j]
