"""Groups of cases: by kind of sound, by mask, and by what the reference reached in the first score."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

from audio_inpaint.benchmark.results import Results, Row
from audio_inpaint.benchmark.scoring import SCORES

BIN = "bin"
BY: dict[str, Callable[[Row], str]] = {
    "kind": lambda row: row.case.recording.kind,
    "mask": lambda row: row.case.mask.label,
}


def varied(results: Results) -> list[str]:
    """Return the names of what tells cases apart: those of `BY`, and `BIN` if the results have bins."""
    names = [name for name, value in BY.items() if len({value(row) for row in results.rows}) > 1]
    return [*names, BIN] if len(set(binned(results).values())) > 1 else names


def groups(results: Results, by: Sequence[str]) -> dict[tuple[str, ...], list[Row]]:
    """Sort rows by what they share, in the order of cases, and of bins that rise.

    Args:
        results: of a benchmark.
        by: names, of `BY` or `BIN`; nothing for one group of all. Cases in which the reference has no score are in no
            bin.
    """
    reached = binned(results)
    rows = [row for row in results.rows if BIN not in by or row.case.name in reached]
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        group = tuple(reached[row.case.name] if name == BIN else BY[name](row) for name in by)
        found.setdefault(group, []).append(row)
    if BIN not in by:
        return found
    place, rising = list(by).index(BIN), bins(results)
    others = list(dict.fromkeys((*group[:place], *group[place + 1 :]) for group in found))
    ordered = sorted(found, key=lambda g: (others.index((*g[:place], *g[place + 1 :])), rising.index(g[place])))
    return {group: found[group] for group in ordered}


def binned(results: Results) -> dict[str, str]:
    """Return the bin of each case by its name; none where the reference has no score, or there are no bins."""
    if not results.bins:
        return {}
    reference, score = results.methods[0], results.scores[0]
    reached = {row.case.name: row.scores.get(score, math.nan) for row in results.rows if row.method == reference}
    names = bins(results)
    return {name: names[bisect_right(results.bins, x)] for name, x in reached.items() if not math.isnan(x)}


def bins(results: Results) -> list[str]:
    """Name the bins, lowest first; a bound belongs to the bin above it.

    >>> bins(Results("time", ("auto", "burg"), ("snr_td",), [], [], None, bins=(3, 10)))
    ['auto: SNR_TD below 3 dB', 'auto: SNR_TD 3 to 10 dB', 'auto: SNR_TD above 10 dB']
    """
    score, bounds = SCORES[results.scores[0]], [f"{bound:g}" for bound in results.bins]
    between = [f"{low} to {high}" for low, high in pairwise(bounds)]
    ranges = [f"below {bounds[0]}", *between, f"above {bounds[-1]}"]
    return [f"{results.methods[0]}: {score.label} {one} {score.unit}".rstrip() for one in ranges]
