"""Scores of several methods on the same examples: mean and spread of each, and how far one is ahead of another."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from audio_inpaint.files.atomic import replacing
from audio_inpaint.scores.torch_metrics import Spread

RESTORED = ("snr_ms", "snr_td")  # of restored audio, dB
COLUMNS = ("method", "segments", *(f"{name}{kind}" for name in RESTORED for kind in ("", "_std", "_ahead", "_error")))
_HEADS = ("method", "segments", "SNR_MS (std)", "network ahead", "SNR_TD (std)", "network ahead")


class Comparison(nn.Module):
    """Scores of one method in dB, and those of a reference less those, segment by segment; for any number of processes.

    A difference of pairs is far surer than that of two means, since segments differ more than methods.
    """

    def __init__(self):
        super().__init__()
        self.scores = nn.ModuleDict({name: Spread() for name in RESTORED})
        self.ahead = nn.ModuleDict({name: Spread() for name in RESTORED})

    def update(self, scores: Mapping[str, Tensor], reference: Mapping[str, Tensor] | None = None) -> None:
        """Take in a batch.

        Args:
            scores: by name, (batch,).
            reference: those of the reference for the same segments; None for the reference itself.
        """
        for name, values in scores.items():
            self.scores[name].update(values)
            self.ahead[name].update((reference or scores)[name].to(values) - values)

    def compute(self) -> dict[str, float]:
        """Return means, standard deviations, the mean lead of the reference and its error; NaN for what is unknown."""
        row = {"segments": int(self.scores["snr_td"].compute()["count"])}
        for name in RESTORED:
            own, ahead = (spread[name].compute() for spread in (self.scores, self.ahead))
            row |= {name: float(own["mean"]), f"{name}_std": float(own["std"])}
            # the deviation is the population's, the error of a mean that of the sample: NaN for a single segment
            error = ahead["std"] / (ahead["count"] - 1).sqrt()
            row |= {f"{name}_ahead": float(ahead["mean"]), f"{name}_error": float(error)}
        return row


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Lay out methods and what `Comparison.compute` says of them; the first one is the reference."""
    lines = [_HEADS]
    for method, row in rows.items():
        cells = [method, str(row["segments"])]
        for name in RESTORED:
            own = f"{_shown(row[name])} ({_shown(row[f'{name}_std'])})"
            ahead = f"{_shown(row[f'{name}_ahead'], '+.2f')} ± {_shown(row[f'{name}_error'])}"
            ahead = "" if len(lines) == 1 else ahead
            cells += [own, ahead]
        lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    laid = (
        f"{method:{widths[0]}}  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        for method, *cells in lines
    )
    return "\n".join([*laid, "all in dB; network ahead: mean difference, segment by segment, ± its standard error"])


def write_table(path: Path, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Write the same as a CSV file, in full precision; a cell is empty where there is no number.

    Raises:
        InputError: it cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for method, row in rows.items():
            writer.writerow({"method": method} | {name: "" if math.isnan(x) else x for name, x in row.items()})


def _shown(value: float, form: str = ".2f") -> str:
    return "–" if math.isnan(value) else format(value, form)
