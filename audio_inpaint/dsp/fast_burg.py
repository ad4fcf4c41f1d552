"""Burg's autoregressive fit from correlations: a tenth of the recursion's work where signals are long.

The recursion in `dsp.autoregressive` updates all prediction errors at every order and is exact to rounding; this one
updates only p-long vectors, and is as exact as the signal's dynamic range leaves it: the coefficients of its inaudible
spectrum differ, the prediction error agrees to about 1e-4. That is what many trial fits in a row want.
"""

import numpy as np
import torch
from scipy.fft import irfft, next_fast_len, rfft
from torch import Tensor

from audio_inpaint.dsp.compiled import compiled
from audio_inpaint.errors import InputError

# A prediction error this far below the signal's energy is rounding noise.
_EXHAUSTED = 1e-13


def fast_burg(x: Tensor, order: int) -> Tensor:
    """Fit autoregressive models by Burg's method, every signal on its own.

    Args:
        x: signals, (signal, time).
        order: p, from 1 to time - 1.

    Returns:
        coefficients (signal, p + 1), the first one 1, in double precision; zeros from where a signal is exhausted.

    Raises:
        InputError: the order does not suit the length.

    Source: Vos, 2013, "A fast implementation of Burg's method", algorithm 1.
    """
    if not 1 <= order <= x.shape[-1] - 1:
        raise InputError(f"order {order} does not suit {x.shape[-1]} samples: choose 1 to {x.shape[-1] - 1}")
    rows = x.double().cpu().numpy()
    size = next_fast_len(rows.shape[1] + order + 1, real=True)
    power = rfft(rows, size)
    c = irfft(power.real**2 + power.imag**2, size)[:, : order + 1]
    head, tail = np.ascontiguousarray(rows[:, : order + 1]), np.ascontiguousarray(rows[:, : -order - 2 : -1])
    a = np.zeros((len(rows), order + 1))
    _recursion(np.ascontiguousarray(c), head, tail, a, _EXHAUSTED)
    return torch.from_numpy(a)


@compiled
def _recursion(c, head, tail, a, exhausted):
    """Run the recursion for every row, into `a`, which is zero.

    With m the model of order i, n long with the zero that is appended, and e = R m, R being the matrix of Burg's
    criterion, whose last row s grows to the left. What an order does to an element depends on that and on its mirror
    image, j and n - 1 - j, so both are computed at once: the lower half of each vector lies in one buffer and the upper
    half in another, the middle in both, and no loop writes to what it reads elsewhere. `*_back` hold the same in
    reverse. Indices are unsigned, since a negative one would count from the end: so loops fill vector registers.
    """
    order, one = a.shape[1] - 1, np.uint64(1)
    low, high, s = np.empty(order + 2), np.empty(order + 2), np.empty(order + 1)
    e_low, e_high = np.empty(order + 2), np.empty(order + 2)
    for row in range(a.shape[0]):
        h, t = head[row], tail[row]
        h_back, t_back = h[::-1].copy(), t[::-1].copy()
        high[:] = 0.0
        low[0] = high[0] = 1.0
        e_low[0] = energy = 2 * c[row, 0] - h[0] * h[0] - t[0] * t[0]
        e_high[1] = s[order] = product = 2 * c[row, 1]
        size = 1
        while size <= order and energy > exhausted * c[row, 0]:
            k = min(1.0, max(-1.0, -product / energy))
            top, half, odd = np.uint64(size), np.uint64((size + 1) // 2), size % 2 == 0
            hb, tb, sb = h_back[order - size :], t_back[order - size :], s[order + 1 - size :]
            along_h, along_t = 0.0, 0.0
            for j in range(half):
                x, y = low[j], high[top - j]
                u, v = x + k * y, y + k * x
                low[j], high[top - j] = u, v
                along_h += hb[j] * u + h[j] * v
                along_t += tb[j] * u + t[j] * v
            if odd:
                high[half] = u = low[half] * (1 + k)
                along_h += h[half] * u
                along_t += t[half] * u
            low[half] = high[half]
            size += 1
            if size > order:
                break
            last, h_next, t_next = 0.0, h[top], t[top]
            for j in range(half):
                sb[j] -= t_next * t[j] + h_next * h[j]
                last += sb[j] * low[j + one]
            for j in range(half, top):
                sb[j] -= t_next * t[j] + h_next * h[j]
                last += sb[j] * high[j + one]
            s[order + 1 - size] = 2 * c[row, size]
            product = last = last + s[order + 1 - size]
            energy = 0.0
            for j in range(half):
                x, y = e_low[j], e_high[top - j]
                u = x + k * y - (along_h * hb[j] + along_t * tb[j])
                v = y + k * x - (along_h * h[j] + along_t * t[j])
                e_low[j], e_high[top - j] = u, v
                energy += low[j] * u + high[top - j] * v
                product += high[top + one - j] * u + low[j + one] * v
            if odd:
                e_high[half] = u = e_low[half] * (1 + k) - (along_h * h[half] + along_t * t[half])
                energy += low[half] * u
                product += high[half + one] * u
            e_low[half], e_high[size] = e_high[half], last
        half = size // 2
        a[row, :half], a[row, half:size] = low[:half], high[half:size]
