"""The results of a listening test as a picture."""

from collections.abc import Sequence
from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.extras import needed
from audio_inpaint.files.atomic import replacing
from audio_inpaint.listening.analysis import ALL, Analysis
from audio_inpaint.listening.responses import Responses

with needed():
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACCENT, _QUIET = "#0b7d72", "#9aa4a8"  # those of the reports


def draw(path: str | Path, responses: Responses, analysis: Analysis) -> None:
    """Draw shares of choices as bars (plausibility) or ratings as boxes (MUSHRA).

    Args:
        path: a picture; its suffix chooses the format.
        responses: what was asked.
        analysis: what came out.

    Raises:
        InputError: the suffix names no format of a picture, or the file cannot be written.
    """
    known = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix.lower().removeprefix(".") not in known:
        raise InputError(f"the figure {path} should end in one of {', '.join(f'.{name}' for name in known)}")
    rows = [row for row in analysis.rows if row["item"] == ALL and not row.get("versus")]
    figure = Figure(figsize=(1.6 + 1.1 * len(rows), 4), dpi=150, layout="constrained")
    axes = figure.subplots()
    (_shares if responses.kind == "plausibility" else _boxes)(axes, rows, analysis)
    axes.set_title(responses.title, loc="left", fontsize="medium")
    axes.set_axisbelow(True)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    if max(len(row["method"]) for row in rows) > 14:
        for label in axes.get_xticklabels():
            label.set(rotation=20, ha="right", rotation_mode="anchor")
    with replacing(path) as temporary:
        figure.savefig(temporary)


def _shares(axes: Axes, rows: Sequence[dict], _: Analysis) -> None:
    rows = sorted(rows, key=lambda row: -row["chosen"])
    shares = [100 * row["share"] for row in rows]
    reach = [
        [100 * (row["share"] - row["share_low"]) for row in rows],
        [100 * (row["share_high"] - row["share"]) for row in rows],
    ]
    axes.bar([row["method"] for row in rows], shares, 0.6, yerr=reach, color=_ACCENT, ecolor="#1c2326", capsize=4)
    axes.axhline(100 / len(rows), color=_QUIET, linestyle="--", linewidth=1)
    axes.annotate(
        "chance",
        (1, 100 / len(rows)),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        color="#626d73",
        fontsize="small",
    )
    axes.set_ylim(0, 100)
    axes.set_ylabel("chosen as the most plausible (%)")


def _boxes(axes: Axes, rows: Sequence[dict], analysis: Analysis) -> None:
    values = [[rating.rating for rating in analysis.ratings if rating.method == row["method"]] for row in rows]
    ink = {"color": _ACCENT}
    labels = [f"{row['method']}\n(hidden)" if row["role"] == "reference" else row["method"] for row in rows]
    lines = {"boxprops": ink, "whiskerprops": ink, "capprops": ink, "medianprops": ink | {"linewidth": 2.5}}
    axes.boxplot(values, tick_labels=labels, widths=0.5, flierprops={"marker": ".", "markeredgecolor": _QUIET}, **lines)
    means, places = [row["mean"] for row in rows], range(1, len(rows) + 1)
    reach = [[row["mean"] - row["low"] for row in rows], [row["high"] - row["mean"] for row in rows]]
    axes.errorbar([place + 0.36 for place in places], means, reach, fmt="o", color="#1c2326", markersize=4, capsize=3)
    axes.set_ylim(-2, 102)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("rating; dot: mean with its 95 % interval")
