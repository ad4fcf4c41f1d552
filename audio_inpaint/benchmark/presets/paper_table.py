"""Scores of an experiment beside the paper's own figures: as text, as CSV and as a picture."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from audio_inpaint.benchmark.statistics import Summary, csv_cells, lead, shown, summary
from audio_inpaint.files.atomic import replacing
from audio_inpaint.report.spectrogram_picture import MARK
from audio_inpaint.scores.registry import SCORES

Key = tuple[str, str, str]  # kind of sound, row, score


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper, measured again.

    Args:
        title: says what is in it, on one line.
        scores: of each kind of sound, row and score, in the order of the table: case -> value.
        paper: mean and standard deviation as published, for what was.
        reference: the row that the others of its kind are compared with, pair by pair; None for no comparison.
        notes: lines below the table.
        labels: what the table calls figures that are no scores of restored audio: name -> label with its unit.
    """

    title: str
    scores: Mapping[Key, Mapping[str, float]]
    paper: Mapping[Key, tuple[float, float]]
    reference: str | None = None
    notes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def label(self, score: str) -> str:
        """Head of a score's column, with its unit."""
        if score in self.labels:
            return self.labels[score]
        return f"{SCORES[score].label} ({SCORES[score].unit})".removesuffix(" ()")

    @property
    def summaries(self) -> dict[Key, Summary]:
        """Mean, spread, number and comparison of each row and score."""
        found = {}
        for kind, row, score in self.scores:
            own = dict(self.scores[kind, row, score])
            other = self.scores.get((kind, self.reference, score)) if row != self.reference else None
            found[kind, row, score] = summary((kind,), row, score, own, dict(other) if other else None)
        return found


def publish(table: PaperTable, folder: Path, name: str) -> str:
    """Write a table as `name`.csv and `name`.png and give it as text.

    Raises:
        InputError: a file cannot be written.
    """
    _write(table, folder / f"{name}.csv")
    _draw(table, folder / f"{name}.png")
    return text(table)


def text(table: PaperTable) -> str:
    """Lay a table out for a terminal: a block for each kind of sound, a line for each row."""
    found, blocks = table.summaries, [table.title]
    for kind in dict.fromkeys(kind for kind, _, _ in found):
        scores = list(dict.fromkeys(score for own, _, score in found if own == kind))
        lines = [["", "n", *(head for score in scores for head in _heads(table, score))]]
        for row in dict.fromkeys(row for own, row, _ in found if own == kind):
            cells = [_cells(table, found[kind, row, score]) for score in scores]
            lines.append([row, str(found[kind, row, scores[0]].count), *(cell for own in cells for cell in own)])
        blocks.append(f"{kind}\n{aligned(lines)}")
    return "\n\n".join([*blocks, *(["\n".join(table.notes)] if table.notes else [])])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lay out lines of as many cells each: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    laid = (
        "  ".join([f"{first:{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(others, widths[1:], strict=True))])
        for first, *others in lines
    )
    return "\n".join(f"  {line.rstrip()}" for line in laid)


def canvas(size: tuple[float, float]) -> Figure:
    """An empty figure, width and height in inches, that needs no display."""
    drawing = Figure(size, dpi=160, layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing


def plain(axis: Axes) -> None:
    """Take from an axis the lines that say nothing."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color("0.6")
    axis.tick_params(labelsize=8, length=3, color="0.6")
    axis.grid(color="0.92", lw=0.6)
    axis.set_axisbelow(True)


def write_lines(path: Path, lines: Sequence[Sequence[object]]) -> None:
    """Write lines of cells as CSV.

    Raises:
        InputError: it cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def _heads(table: PaperTable, score: str) -> list[str]:
    heads = [table.label(score), "paper"]
    return heads if table.reference is None else [*heads, f"ahead of {table.reference}", "p (t-test)"]


def _cells(table: PaperTable, found: Summary) -> list[str]:
    published = table.paper.get((found.group[0], found.method, found.score))
    cells = [
        f"{shown(found.mean)} ({shown(found.std)})",
        f"{published[0]:.1f} ({published[1]:.1f})" if published else "",
    ]
    if table.reference is None:
        return cells
    if not math.isfinite(found.difference):
        return [*cells, "", ""]
    p = "" if math.isnan(found.t_test) else "<0.001" if found.t_test < 1e-3 else f"{found.t_test:.3f}"
    return [*cells, lead(found), p]


def _write(table: PaperTable, path: Path) -> None:
    names = ("mean", "std", "count", "difference", "error", "t_test", "wilcoxon")
    lines = [["kind", "row", "score", *names, "paper_mean", "paper_std"]]
    for key, found in table.summaries.items():
        lines.append([*key, *csv_cells(found, names), *table.paper.get(key, ("", ""))])
    write_lines(path, lines)


def _draw(table: PaperTable, path: Path) -> None:
    """Draw a box for each row: quartiles, median, mean, and what 90 % of the cases lie within; the paper's beside."""
    kinds = list(dict.fromkeys(kind for kind, _, _ in table.scores))
    scores = list(dict.fromkeys(score for _, _, score in table.scores))
    most = max(len({row for own, row, _ in table.scores if own == kind}) for kind in kinds)
    drawing = canvas((4.6 * len(kinds), (0.9 + 0.34 * most) * len(scores) + 0.4))
    axes = drawing.subplots(len(scores), len(kinds), squeeze=False)
    for line, score in zip(axes, scores, strict=True):
        for axis, kind in zip(line, kinds, strict=True):
            _boxes(axis, table, kind, score)
    handles = [
        Line2D(
            [], [], marker="s", ls="", color="0.5", mfc="white", ms=7, label="half of the gaps; 90 % between the bars"
        ),
        Line2D([], [], marker="o", ls="", color="black", ms=4, label="mean"),
        Line2D([], [], marker="D", color=MARK, mfc="white", ms=4, lw=1, label="paper: mean ± standard deviation"),
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    with replacing(path) as temporary:
        drawing.savefig(temporary)


def _boxes(axis: Axes, table: PaperTable, kind: str, score: str) -> None:
    rows = [row for own, row, name in table.scores if (own, name) == (kind, score)]
    values = [[v for v in table.scores[kind, row, score].values() if math.isfinite(v)] for row in rows]
    axis.boxplot(
        values, orientation="horizontal", tick_labels=rows, widths=0.5, whis=(5, 95), showfliers=False, showmeans=True,
        meanprops={"marker": "o", "markerfacecolor": "black", "markeredgecolor": "black", "markersize": 4},
        medianprops={"color": "0.35"}, boxprops={"color": "0.5"}, whiskerprops={"color": "0.5"},
        capprops={"color": "0.5"},
    )  # fmt: skip
    for place, row in enumerate(rows, 1):
        if published := table.paper.get((kind, row, score)):
            mean, std = published
            axis.errorbar(mean, place + 0.36, xerr=std, fmt="D", color=MARK, mfc="white", ms=4, lw=1)
    plain(axis)
    axis.grid(False, axis="y")
    axis.invert_yaxis()
    axis.set_title(kind, loc="left", fontsize=10)
    axis.set_xlabel(table.label(score), fontsize=8)
