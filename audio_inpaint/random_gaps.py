"""Gaps made on purpose: those of both papers, from a seed."""

import math

import numpy as np

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap


def random_gaps(
    length: int,
    sample_rate: int,
    total_ms: float,
    seed: int | np.random.Generator,
    shortest_ms: float = 40.0,
    longest_ms: float = 80.0,
    apart_ms: float = 150.0,
    lead_ms: float = 150.0,
) -> list[Gap]:
    """The deep-prior paper's gaps: random lengths that add up to `total_ms` exactly, at random places.

    `length` is in samples; `apart_ms` stays free between gaps and `lead_ms` before the first. An integer seed gives the
    same gaps everywhere. Unlike the published code, which cuts the last gap to reach the total, every gap keeps to
    [shortest_ms, longest_ms]. Raises InputError when they do not fit.
    """
    rng = _generator(seed)
    total, apart, lead = (_samples_of_ms(ms, sample_rate) for ms in (total_ms, apart_ms, lead_ms))
    shortest = max(1, math.ceil(shortest_ms * sample_rate / 1000 - 1e-6))
    longest = math.floor(longest_ms * sample_rate / 1000 + 1e-6)
    fewest, most = -(-total // max(longest, 1)), total // shortest
    if total < 1 or longest < shortest or fewest > most:
        raise InputError(f"{total_ms:g} ms cannot be made of gaps of {shortest_ms:g} to {longest_ms:g} ms")
    count = min(max(round(2 * total / (shortest + longest)), fewest), most)
    free = length - lead - total - (count - 1) * apart
    if free < 0:
        raise InputError(
            f"{count} gaps of {total_ms:g} ms together do not fit in {1000 * length / sample_rate:g} ms of audio with "
            f"{apart_ms:g} ms between them and {lead_ms:g} ms before; give fewer or a longer file"
        )
    sizes, rest = [], total
    for others in reversed(range(count)):
        low, high = max(shortest, rest - others * longest), min(longest, rest - others * shortest)
        sizes.append(int(rng.integers(low, high + 1)))
        rest -= sizes[-1]
    gaps, start = [], lead
    places = np.sort(rng.integers(0, free + 1, count))
    for size, step in zip(rng.permutation(sizes).tolist(), np.diff(places, prepend=0).tolist(), strict=True):
        start += step
        gaps.append(Gap(start, start + size))
        start += size + apart
    return gaps


def centred_gap(length: int, duration: int) -> Gap:
    """One gap of `duration` samples in the middle of `length` samples."""
    if not 0 < duration < length:
        raise InputError(f"a gap of {duration} samples does not fit inside {length} samples")
    start = (length - duration) // 2
    return Gap(start, start + duration)


def single_gap(
    length: int, sample_rate: int, gap_ms: float, seed: int | np.random.Generator, context_ms: float = 128.0
) -> Gap:
    """The context-encoder paper's gap: one, at a random place of `length` samples with `context_ms` on both sides."""
    size, context = _samples_of_ms(gap_ms, sample_rate), _samples_of_ms(context_ms, sample_rate)
    free = length - size - 2 * context
    if size < 1 or free < 0:
        raise InputError(
            f"a gap of {gap_ms:g} ms between contexts of {context_ms:g} ms does not fit in "
            f"{1000 * length / sample_rate:g} ms of audio"
        )
    start = context + int(_generator(seed).integers(0, free + 1))
    return Gap(start, start + size)


def _generator(seed: int | np.random.Generator) -> np.random.Generator:
    return seed if isinstance(seed, np.random.Generator) else np.random.Generator(np.random.PCG64(seed))


def _samples_of_ms(duration_ms: float, sample_rate: int) -> int:
    if not (math.isfinite(duration_ms) and duration_ms >= 0):
        raise InputError(f"{duration_ms} is not a duration in ms")
    return round(duration_ms * sample_rate / 1000)
