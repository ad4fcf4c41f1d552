"""From rows to tables: mean, spread and number of each method's scores, and paired tests against a reference."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import ttest_rel, wilcoxon

from audio_inpaint.benchmark.grouping import BIN, groups
from audio_inpaint.benchmark.results import Results, Row
from audio_inpaint.benchmark.scoring import SCORES
from audio_inpaint.files.atomic import replacing

USUAL = ("kind", "mask")


@dataclass(frozen=True)
class Summary:
    """One score of one method over the cases of a group.

    Args:
        group: the values that the cases share, such as (kind, mask).
        method: its name.
        score: name.
        mean: over the cases with a finite score; for NMSE the logarithm of the mean (eq. 16 of the deep-prior paper).
        std: standard deviation of the population; NaN for a single case.
        count: of those cases.
        difference: mean of own score minus the reference's, pair by pair; NaN for the reference itself.
        error: its standard error; NaN for a single pair, as are both p-values.
        t_test: p-value of the paired t-test against the reference.
        wilcoxon: p-value of Wilcoxon's signed-rank test.
        worst: difference of the pair in which most is lost against the reference, which may be a gain.
    """

    group: tuple[str, ...]
    method: str
    score: str
    mean: float
    std: float
    count: int
    difference: float = math.nan
    error: float = math.nan
    t_test: float = math.nan
    wilcoxon: float = math.nan
    worst: float = math.nan


def tables(results: Results) -> list[Summary]:
    """Summarise every score by kind and mask, and then, if the results have bins, by these too."""
    by_bin = summaries(results, (*USUAL, BIN)) if results.bins else []
    return [*summaries(results), *by_bin]


def summaries(results: Results, by: Sequence[str] = USUAL, reference: str | None = None) -> list[Summary]:
    """Summarise every score of every method in every group of cases, in the order of cases and methods.

    Args:
        results: of a benchmark.
        by: what the cases of a group share, as `grouping.groups` takes it; nothing for one group of all.
        reference: the method that the others are compared with; the first one by default.
    """
    reference = reference or results.methods[0]
    found = []
    for group, rows in groups(results, by).items():
        for score in results.scores:
            tables = {
                m: {r.case.name: r.scores.get(score, math.nan) for r in rows if r.method == m} for m in results.methods
            }
            for method, own in tables.items():
                if own:
                    found.append(
                        summary(group, method, score, own, tables.get(reference) if method != reference else None)
                    )
    return found


def summary(
    group: tuple[str, ...], method: str, score: str, own: dict[str, float], reference: dict[str, float] | None = None
) -> Summary:
    """Summarise one score of one method, by the names of the cases; pairs with one that is no number are left out."""
    values = np.array([value for value in own.values() if math.isfinite(value)])
    aggregate = SCORES[score].aggregate if score in SCORES else np.mean
    mean = float(aggregate(values)) if len(values) else math.nan
    std = float(values.std()) if len(values) > 1 else math.nan
    plain = Summary(group, method, score, mean, std, len(values))
    if reference is None:
        return plain
    pairs = [(value, reference.get(name, math.nan)) for name, value in own.items()]
    pairs = np.array([pair for pair in pairs if all(map(math.isfinite, pair))]).reshape(-1, 2)
    if not len(pairs):
        return plain
    differences = pairs[:, 0] - pairs[:, 1]
    worst = float(differences[_losses(score, pairs).argmax()])
    if len(pairs) == 1:
        return replace(plain, difference=float(differences[0]), worst=worst)
    same = not differences.any()
    return replace(
        plain,
        difference=float(differences.mean()),
        error=float(differences.std(ddof=1) / math.sqrt(len(differences))),
        t_test=1.0 if same else float(ttest_rel(*pairs.T).pvalue),
        wilcoxon=1.0 if same else float(wilcoxon(differences).pvalue),
        worst=worst,
    )


def _losses(score: str, pairs: np.ndarray) -> np.ndarray:
    """By how much the first of each pair is worse than the second: lower, higher, or farther from zero."""
    higher_is_better = SCORES[score].higher_is_better if score in SCORES else True
    if higher_is_better is None:
        return np.abs(pairs[:, 0]) - np.abs(pairs[:, 1])
    return (pairs[:, 1] - pairs[:, 0]) * (1 if higher_is_better else -1)


def costs(rows: Iterable[Row], methods: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Mean and highest seconds a case, and the highest memory in MB, of each method."""
    found = {}
    for method in methods:
        own = [row for row in rows if row.method == method]
        if own:
            seconds, memory = [row.seconds for row in own], [row.memory_mb for row in own]
            known = [value for value in memory if math.isfinite(value)]
            found[method] = (float(np.mean(seconds)), max(seconds), max(known, default=math.nan))
    return found


def costs_table(found: dict[str, tuple[float, float, float]]) -> str:
    """Lay costs out for a terminal."""
    width = max(map(len, found), default=6)
    lines = [f"{'method':{width}}  {'s a case':>9}  {'at most':>9}  {'MB':>6}"]
    lines += [
        f"{name:{width}}  {mean:9.3f}  {most:9.3f}  {memory:6.0f}" for name, (mean, most, memory) in found.items()
    ]
    return "\n".join(lines)


def text_table(rows: Sequence[Summary], methods: Sequence[str]) -> str:
    """Lay summaries out for a terminal: a block for each group, a column for each score.

    There is a line for each method, and one for its paired comparison with the reference, of which the last columns say
    more of the first score.
    """
    blocks, reference = [], methods[0]
    for group in dict.fromkeys(row.group for row in rows):
        own = [row for row in rows if row.group == group]
        scores = list(dict.fromkeys(row.score for row in own))
        heads = [f"{SCORES[score].label} ({SCORES[score].unit})".removesuffix(" ()") for score in scores]
        label = SCORES[scores[0]].label
        lines = [["", "n", *heads, *(f"{label}: {name}" for name in ("worst", "p (t)", "p (Wilcoxon)"))]]
        cells = {method: {row.score: row for row in own if row.method == method} for method in methods}
        of_method = {method: [found[score] for score in scores] for method, found in cells.items() if found}
        lines += [_means(method, found) for method, found in of_method.items()]
        lines += [_differences(reference, method, found) for method, found in of_method.items() if method != reference]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        blocks.append(", ".join(group) or "all")
        for name, *others in lines:
            placed = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
            blocks.append("  ".join([f"  {name:{widths[0]}}", *placed]).rstrip())
        blocks.append("")
    note = "mean (standard deviation); minus: mean paired difference ± its standard error"
    return "\n".join([*blocks, note])


def _means(method: str, cells: Sequence[Summary]) -> list[str]:
    return [method, str(cells[0].count), *(f"{shown(cell.mean)} ({shown(cell.std)})" for cell in cells), "", "", ""]


def _differences(reference: str, method: str, cells: Sequence[Summary]) -> list[str]:
    first = cells[0]
    worst = "" if math.isnan(first.worst) else shown(first.worst, "+")
    tests = [f"{p:.1g}" if math.isfinite(p) else "" for p in (first.t_test, first.wilcoxon)]
    return [f"{method} minus {reference}", "", *map(lead, cells), worst, *tests]


def shown(value: float, sign: str = "") -> str:
    """Write a score for a person: two decimals, and a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:{sign}z.2f}"


def lead(found: Summary) -> str:
    """Write a difference with its standard error; nothing for the reference."""
    return "" if math.isnan(found.difference) else f"{shown(found.difference, '+')} ± {shown(found.error)}"


def write_table(path: Path, rows: Sequence[Summary], by: Sequence[str] = USUAL) -> None:
    """Write summaries as CSV, in full precision; a cell is empty where there is no number.

    Args:
        path: the file.
        rows: of groups that share all of `by`, or the first of them.
        by: names of the columns of a group; those that it does not share are empty.

    Raises:
        InputError: it cannot be written.
    """
    names = ("method", "score", "mean", "std", "count", "difference", "error", "t_test", "wilcoxon", "worst")
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*by, *names])
        for row in rows:
            empty = [""] * (len(by) - len(row.group))
            writer.writerow([*row.group, *empty, *csv_cells(row, names)])


def csv_cells(row: Summary, names: Sequence[str]) -> list[object]:
    """Return fields of a summary for a CSV file, NaN as an empty cell."""
    values = [getattr(row, name) for name in names]
    return ["" if isinstance(value, float) and math.isnan(value) else value for value in values]
