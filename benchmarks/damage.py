"""Damage of every kind, made: `DAMAGE[kind](audio, start, rng, sample_rate)` spoils audio from a sample on.

Each takes audio (channel, time), changes it in place, and returns [start, stop) of what it spoilt. Where `repeats`
moves what follows, the end is lost; where `jumps` does, the end is NaN, which `damaged` cuts off.
"""

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

Damage = Callable[[np.ndarray, int, np.random.Generator, int], tuple[int, int]]


def _length(rng: np.random.Generator, shortest_ms: float, longest_ms: float, sample_rate: int) -> int:
    """Draw a length, evenly over its logarithm."""
    return round(np.exp(rng.uniform(np.log(shortest_ms), np.log(longest_ms))) * sample_rate / 1000)


def zeros(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Zero 2 to 200 ms."""
    stop = start + _length(rng, 2, 200, sample_rate)
    audio[:, start:stop] = 0
    return start, stop


def one_channel(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Zero 2 to 200 ms of one channel."""
    stop = start + _length(rng, 2, 200, sample_rate)
    audio[rng.integers(len(audio)), start:stop] = 0
    return start, stop


def held(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Hold the last value for 2 to 200 ms."""
    stop = start + _length(rng, 2, 200, sample_rate)
    audio[:, start:stop] = audio[:, start - 1 : start]
    return start, stop


def repeats(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Play the last 5 to 60 ms again, in place of what follows or before it."""
    length = _length(rng, 5, 60, sample_rate)
    again = audio[:, start - length : start].copy()
    if rng.random() < 0.5:
        audio[:, start + length :] = audio[:, start:-length].copy()
    audio[:, start : start + length] = again
    return start, start + length


def concealed(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Play the last packet of 10 to 60 ms again for one to three lost ones, as a receiver does.

    The first is 0 to 6 dB down, each further one 1 to 3 dB more; every second time the level fades within them, too.
    """
    length = round(rng.choice([0.01, 0.02, 0.03, 0.04, 0.06]) * sample_rate)
    gain, fades = 10 ** (-rng.uniform(0, 6) / 20), rng.random() < 0.5
    again = audio[:, start - length : start].copy()
    for place in range(start, start + length * int(rng.choice([1, 1, 2, 3])), length):
        lower = gain * 10 ** (-rng.uniform(1, 3) / 20)
        audio[:, place : place + length] = again * (np.linspace(gain, lower, length) if fades else gain)
        gain = lower
    return start, place + length


def dropouts(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Turn 10 to 200 ms down by 20 to 80 dB, with edges of 5 to 10 ms and hiss at -75 dBFS, as on tape."""
    length = _length(rng, 10, 200, sample_rate)
    edge = round(rng.uniform(0.005, 0.01) * sample_rate)
    decibels = np.full(length + 2 * edge, -rng.uniform(20, 80))
    ramp = (1 - np.cos(np.pi * np.arange(edge) / edge)) / 2
    decibels[:edge] *= ramp
    decibels[-edge:] *= ramp[::-1]
    stop = start + len(decibels)
    audio[:, start:stop] *= 10 ** (decibels / 20)
    audio[:, start:stop] += 10 ** (-75 / 20) * rng.standard_normal((len(audio), stop - start))
    return start + edge // 2, stop - edge // 2


def residual_level(x: np.ndarray, order: int = 32) -> float:
    """Return the level of a signal's residual after linear prediction, by the autocorrelation method."""
    from scipy.linalg import solve_toeplitz

    windowed = (x - x.mean()) * np.hanning(len(x))
    correlation = np.correlate(windowed, windowed, "full")[len(x) - 1 : len(x) + order]
    correlation[0] = correlation[0] * (1 + 1e-9) + 1e-12
    model = np.concatenate([[1], -solve_toeplitz(correlation[:-1], correlation[1:])])
    return float(np.sqrt(np.mean(lfilter(model, [1.0], x)[order:] ** 2)))


def _added(audio: np.ndarray, start: int, click: np.ndarray, decibels: float) -> None:
    """Add a click that is that much above the residual of what is around it; level is that of its loudest fifth."""
    loud = np.sort(np.abs(click))[-max(1, len(click) // 5) :]
    for x in audio:
        level = residual_level(x[max(0, start - 1024) : start + 1024])
        x[start : start + len(click)] += click * level * 10 ** (decibels / 20) / np.sqrt(np.mean(loud**2))


def vinyl(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Add a click of 1 to 5 ms, 12 to 40 dB above the residual, that dies away."""
    length = _length(rng, 1, 5, sample_rate)
    click = rng.standard_normal(length) * np.exp(-3 * np.arange(length) / length)
    _added(audio, start, click, rng.uniform(12, 40))
    return start, start + length


def clicks(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Add a click of 1 to 3 samples, 12 to 40 dB above the residual."""
    click = rng.choice([-1.0, 1.0], int(rng.integers(1, 4)))
    _added(audio, start, click, rng.uniform(12, 40))
    return start, start + len(click)


def crackle(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Add 20 ms in which a cable crackles: five to fifteen clicks of a few samples, 20 to 40 dB above the residual."""
    length = round(0.02 * sample_rate)
    click = np.zeros(length)
    for place in rng.integers(0, length - 4, int(rng.integers(5, 16))):
        click[place : place + int(rng.integers(1, 5))] = rng.choice([-1, 1]) * rng.uniform(0.3, 1)
    lost = np.flatnonzero(click)
    _added(audio, start, click[: lost[-1] + 1], rng.uniform(20, 40))
    return start + int(lost[0]), start + int(lost[-1]) + 1


def bursts(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Put 5 to 200 ms of white noise at full level into the place of the signal."""
    stop = start + _length(rng, 5, 200, sample_rate)
    audio[:, start:stop] = rng.uniform(-0.9, 0.9, (len(audio), stop - start))
    return start, stop


def jumps(audio: np.ndarray, start: int, rng: np.random.Generator, sample_rate: int) -> tuple[int, int]:
    """Leave out 1 to 50 ms; what follows comes sooner."""
    length = _length(rng, 1, 50, sample_rate)
    audio[:, start:-length] = audio[:, start + length :].copy()
    audio[:, -length:] = np.nan
    return start, start


DAMAGE: dict[str, Damage] = {
    "zeros": zeros,
    "zeros, one channel": one_channel,
    "held": held,
    "repeats": repeats,
    "repeats, concealed": concealed,
    "dropouts": dropouts,
    "clicks, 1-3 samples": clicks,
    "clicks, 1-5 ms": vinyl,
    "crackle": crackle,
    "bursts": bursts,
    "jumps": jumps,
}


def damaged(
    audio: np.ndarray, kind: str, seed: int, sample_rate: int, count: int = 20
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return a damaged copy of audio (channel, time), and [start, stop) of each fault; quiet places are spared.

    Args:
        audio: floating point.
        kind: a name from `DAMAGE`.
        seed: of all draws.
        sample_rate: Hz.
        count: of faults, fewer where there is no room.
    """
    rng = np.random.default_rng(seed)
    spoilt, apart = audio.astype(np.float64), round(0.7 * sample_rate)
    slot = max(apart, audio.shape[1] // (count + 1))
    faults = []
    for begin in range(apart, audio.shape[1] - slot - apart, slot):
        start = begin + int(rng.integers(0, slot - apart + 1))
        beside = spoilt[:, start - sample_rate // 50 : start + sample_rate // 50]
        if np.sqrt(np.mean(beside**2)) > 0.003:  # -50 dBFS: in near silence, damage is not heard
            faults.append(DAMAGE[kind](spoilt, start, rng, sample_rate))
    return spoilt[:, ~np.isnan(spoilt).all(axis=0)], faults
