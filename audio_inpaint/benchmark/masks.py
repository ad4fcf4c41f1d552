"""The gaps of a benchmark, drawn from a seed: single gaps of given lengths, and the deep-prior paper's sets of gaps.

Single gaps are the context-encoder paper's (64 ms between contexts of 128 ms) and the field's (10 to 80 ms, 100, 150,
200 ms); sets are the deep-prior paper's (200 to 1000 ms in gaps of 40 to 80 ms). Every gap lies where there is sound.
"""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from audio_inpaint.benchmark.cases import Case, Mask, Recording
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap
from audio_inpaint.random_gaps import random_gaps, single_gap

FIELD_MS = (10, 20, 30, 40, 50, 60, 70, 80, 100, 150, 200)
CUMULATIVE_MS = (200, 400, 600, 800, 1000)
SILENT_RMS = 1e-4  # the context-encoder paper's: an original this quiet in a gap has no score
_TRIES = 20  # places tried until one is not silent


def single(
    recording: Recording,
    index: int,
    gap_ms: Sequence[float],
    per_recording: int,
    context_ms: float,
    seed: int,
    together: int = 1,
) -> list[Case]:
    """Draw gaps of given lengths, each a case of its own, or several of one length in each case.

    Args:
        recording: what is damaged.
        index: of the recording in the benchmark, part of the seed.
        gap_ms: lengths, ms.
        per_recording: cases of each length; fewer where the recording is silent or too short.
        context_ms: kept free on both sides of every gap.
        seed: of the places.
        together: gaps of a case, one in each of as many equal parts of the recording.
    """
    audio, rate = recording.audio()
    part = audio.shape[-1] // together
    cases = []
    for length_ms in gap_ms:
        rng = np.random.default_rng([seed, index, round(1000 * length_ms)])

        def draw(ms: float = length_ms, rng: np.random.Generator = rng) -> list[Gap]:
            return [single_gap(part, rate, ms, rng, context_ms)]

        drawn = []
        for _ in range(per_recording):
            starts = [number * part for number in range(together)]
            own = [(first, _drawn(audio[:, first : first + part], 1, draw)) for first in starts]
            gaps = [Gap(first + gap.start, first + gap.stop) for first, found in own for (gap,) in found]
            if len(gaps) == together:
                drawn.append(gaps)
        several = "" if together == 1 else f"{together} gaps of "
        cases += _cases(recording, f"{several}{length_ms:g} ms", together * length_ms, drawn)
    return cases


def cumulative(
    recording: Recording, index: int, total_ms: Sequence[float], per_recording: int, seed: int
) -> list[Case]:
    """Draw the deep-prior paper's sets of gaps: of 40 to 80 ms each, of `total_ms` together.

    Args and order as in `single`.
    """
    audio, rate = recording.audio()
    cases = []
    for total in total_ms:
        rng = np.random.default_rng([seed, index, round(1000 * total), 1])
        drawn = _drawn(audio, per_recording, lambda ms=total, rng=rng: random_gaps(audio.shape[-1], rate, ms, rng))
        cases += _cases(recording, f"{total:g} ms in gaps of 40-80 ms", total, drawn)
    return cases


def columns(
    recording: Recording, index: int, counts: Sequence[int], per_recording: int, hop_length: int, seed: int
) -> list[Case]:
    """Draw runs of whole spectrogram columns, for the `columns` protocol.

    Args:
        recording: what is damaged.
        index: of the recording in the benchmark.
        counts: columns in a row that are lost.
        per_recording: runs of each length.
        hop_length: samples between columns, at the recording's rate.
        seed: of the places.
    """
    audio, rate = recording.audio()
    cases = []
    for count in counts:
        rng = np.random.default_rng([seed, index, count, 2])
        last = audio.shape[-1] // hop_length - count - 4
        if last <= 4:
            continue

        def run(rng=rng, last=last, count=count) -> list[Gap]:
            first = int(rng.integers(4, last)) * hop_length
            # from the sample after one column's centre to the centre of the last one that is lost
            return [Gap(first + 1, first + count * hop_length + 1)]

        label = f"{count} column{'s' if count > 1 else ''}"
        cases += _cases(recording, label, 1000 * count * hop_length / rate, _drawn(audio, per_recording, run))
    return cases


def _drawn(audio: Tensor, count: int, draw: Callable[[], list[Gap]]) -> list[list[Gap]]:
    """Draw sets of gaps in each of which there is sound; none where the recording is too short."""
    found: list[list[Gap]] = []
    for _ in range(count):
        for _ in range(_TRIES):
            try:
                gaps = draw()
            except InputError:
                return found
            if all(audio[:, gap.start : gap.stop].square().mean().sqrt() >= SILENT_RMS for gap in gaps):
                found.append(gaps)
                break
    return found


def _cases(recording: Recording, label: str, size_ms: float, drawn: Sequence[list[Gap]]) -> list[Case]:
    return [Case(recording, Mask(label, size_ms, tuple(gaps)), number) for number, gaps in enumerate(drawn)]
