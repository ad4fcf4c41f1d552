"""What is left of a damaged file: one that can be read, silent where nothing could be saved."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Mended(NamedTuple):
    """A readable file in the place of a damaged one.

    Attributes:
        place: of the file, which has all that could be saved at its time.
        lost: (first sample, sample after the last) of what is silent in it.
        promised: samples that the damaged file would have if it did not break off; 0 if it does not, or does not say.
    """

    place: Path
    lost: list[tuple[int, int]]
    promised: int


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans, in their order, that touch each other.

    >>> joined([(0, 5), (5, 7), (9, 12)])
    [(0, 7), (9, 12)]
    """
    found: list[tuple[int, int]] = []
    for start, stop in spans:
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        else:
            found.append((start, stop))
    return found
