"""From rows to tables: mean, spread and number of each method's scores, and paired tests against a reference."""

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import ttest_rel, wilcoxon

from audio_inpaint.benchmark.results import Results, Row
from audio_inpaint.benchmark.scoring import SCORES
from audio_inpaint.files.atomic import replacing


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


BY: dict[str, Callable[[Row], str]] = {
    "kind": lambda row: row.case.recording.kind,
    "mask": lambda row: row.case.mask.label,
}


def summaries(results: Results, by: Sequence[str] = ("kind", "mask"), reference: str | None = None) -> list[Summary]:
    """Summarise every score of every method in every group of cases, in the order of cases and methods.

    Args:
        results: of a benchmark.
        by: what the cases of a group share, of `BY`; nothing for one group of all.
        reference: the method that the others are compared with; the first one by default.
    """
    reference = reference or results.methods[0]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in results.rows:
        groups.setdefault(tuple(BY[name](row) for name in by), []).append(row)
    found = []
    for group, rows in groups.items():
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
    if len(pairs) == 1:
        return replace(plain, difference=float(differences[0]))
    same = not differences.any()
    return replace(
        plain,
        difference=float(differences.mean()),
        error=float(differences.std(ddof=1) / math.sqrt(len(differences))),
        t_test=1.0 if same else float(ttest_rel(*pairs.T).pvalue),
        wilcoxon=1.0 if same else float(wilcoxon(differences).pvalue),
    )


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
    """Lay summaries out for a terminal: a block for each group, a line for each method, a column for each score.

    The last columns are the paired comparison with the reference in the first score.
    """
    blocks, reference = [], methods[0]
    for group in dict.fromkeys(row.group for row in rows):
        own = [row for row in rows if row.group == group]
        scores = list(dict.fromkeys(row.score for row in own))
        heads = [f"{SCORES[score].label} ({SCORES[score].unit})".removesuffix(" ()") for score in scores]
        lines = [["method", "n", *heads, f"minus {reference}", "p (t)", "p (Wilcoxon)"]]
        for method in methods:
            cells = {row.score: row for row in own if row.method == method}
            if cells:
                lines.append(_line(method, [cells[score] for score in scores]))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for name, *cells in lines:
            others = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
            blocks.append("  ".join([f"  {name:{widths[0]}}", *others]).rstrip())
        blocks.insert(len(blocks) - len(lines), ", ".join(group) or "all")
        blocks.append("")
    note = "mean (standard deviation); minus: mean paired difference in the first score ± its standard error"
    return "\n".join([*blocks, note])


def _line(method: str, cells: Sequence[Summary]) -> list[str]:
    first = cells[0]
    tests = [f"{p:.1g}" if math.isfinite(p) else "" for p in (first.t_test, first.wilcoxon)]
    means = [f"{shown(cell.mean)} ({shown(cell.std)})" for cell in cells]
    return [method, str(first.count), *means, lead(first), *tests]


def shown(value: float, sign: str = "") -> str:
    """Write a score for a person: two decimals, and a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:{sign}z.2f}"


def lead(found: Summary) -> str:
    """Write a difference with its standard error; nothing for the reference."""
    return "" if math.isnan(found.difference) else f"{shown(found.difference, '+')} ± {shown(found.error)}"


def write_table(path: Path, rows: Sequence[Summary], by: Sequence[str] = ("kind", "mask")) -> None:
    """Write summaries as CSV, in full precision; a cell is empty where there is no number.

    Raises:
        InputError: it cannot be written.
    """
    names = ("method", "score", "mean", "std", "count", "difference", "error", "t_test", "wilcoxon")
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*by, *names])
        writer.writerows([*row.group, *csv_cells(row, names)] for row in rows)


def csv_cells(row: Summary, names: Sequence[str]) -> list[object]:
    """Return fields of a summary for a CSV file, NaN as an empty cell."""
    values = [getattr(row, name) for name in names]
    return ["" if isinstance(value, float) and math.isnan(value) else value for value in values]
