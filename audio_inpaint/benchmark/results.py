"""What a benchmark found: one row for each method and case, and how rows are written and read."""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from audio_inpaint.benchmark import cache
from audio_inpaint.benchmark.cases import Case, lost
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.methods.registry import split


@dataclass(frozen=True)
class Row:
    """One method on one case.

    Args:
        method: its name.
        case: what it restored.
        scores: name -> value; not a number where a score is not defined.
        seconds: that the restoration took.
        memory_mb: that it needed, MB.
        key: of the restored samples in the cache.
    """

    method: str
    case: Case
    scores: dict[str, float]
    seconds: float
    memory_mb: float
    key: str


@dataclass(frozen=True)
class Failure:
    """A method that could not restore a case, and why; a bug with its traceback."""

    method: str
    case: Case
    reason: str
    traceback: str = ""


def labels(methods: Sequence[str]) -> dict[str, str]:
    """Name each method for a figure: of a file's path what tells it from the others, a checkpoint's with its run.

    >>> labels(["burg", "/data/runs/a/checkpoints/best.ckpt:phases=burg", "/data/nets/b.pt", "lab/mine.py:Fade"])
    {'burg': 'burg', '/data/runs/a/checkpoints/best.ckpt:phases=burg': 'a/best:phases=burg', \
'/data/nets/b.pt': 'b', 'lab/mine.py:Fade': 'mine.py:Fade'}
    """
    parts, rests = {}, {}
    for method in methods:
        name = split(method)[0]
        rests[method] = method.removeprefix(name)
        path = Path(name).with_suffix("") if Path(name).suffix in (".ckpt", ".pt") else Path(name)
        parts[method] = [part for part in path.parts if part != "checkpoints"]
    few = {method: 2 if own[-1] in ("best", "last") else 1 for method, own in parts.items()}
    while True:
        found = {method: "/".join(own[-few[method] :]) + rests[method] for method, own in parts.items()}
        alike = [m for m in methods if list(found.values()).count(found[m]) > 1 and few[m] < len(parts[m])]
        if not alike:
            return {m: label if list(found.values()).count(label) == 1 else m for m, label in found.items()}
        few |= {method: few[method] + 1 for method in alike}


@dataclass(frozen=True)
class Results:
    """All that a benchmark found.

    Args:
        protocol: `time` or `columns`: one set of results is never of both.
        methods: in the order of the tables; the first one is the reference of paired differences.
        scores: names, in the order of the tables.
        rows: by case, then by method.
        failures: what has no row.
        cache: folder of restored samples.
        details: what it takes to repeat the work; name -> value.
        bins: bounds of the first score, rising; cases are also grouped by what the reference reached.
    """

    protocol: str
    methods: tuple[str, ...]
    scores: tuple[str, ...]
    rows: list[Row]
    failures: list[Failure]
    cache: Path
    details: dict[str, str] = field(default_factory=dict)
    bins: tuple[float, ...] = ()

    def labelled(self) -> "Results":
        """The same with methods under the names that a table or figure has room for, see `labels`."""
        names = labels(self.methods)
        rows = [replace(row, method=names[row.method]) for row in self.rows]
        failures = [replace(failure, method=names[failure.method]) for failure in self.failures]
        return replace(self, methods=tuple(names.values()), rows=rows, failures=failures)

    @property
    def cases(self) -> list[Case]:
        """The cases that a method restored, in order."""
        return list({row.case.name: row.case for row in self.rows}.values())

    def of(self, case: Case) -> dict[str, Row]:
        """The rows of one case, by method."""
        return {row.method: row for row in self.rows if row.case.name == case.name}

    def by_case(self) -> list[list[Row]]:
        """The rows of each case, in order."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.case.name, []).append(row)
        return list(found.values())

    def restored(self, row: Row) -> Tensor:
        """The restored audio of a row, (channel, time) float64, its known samples as in the undamaged recording.

        Raises:
            InputError: the cache has lost it.
        """
        entry = cache.load(self.cache, row.key)
        if entry is None:
            raise InputError(f"{self.cache} has lost restored samples of {row.case.name}: run the benchmark again")
        truth, _ = row.case.recording.audio()
        return rebuilt(truth, row.case, entry.samples, self.protocol)


def rebuilt(truth: Tensor, case: Case, samples: Tensor, protocol: str) -> Tensor:
    """The restored audio (channel, time), from what the cache keeps of it."""
    if protocol == "columns":
        return samples.double()
    restored = truth.clone()
    restored[:, lost(case, truth.shape[-1])] = samples.double()
    return restored


def kept(restored: Tensor, case: Case, protocol: str) -> Tensor:
    """What the cache keeps of restored audio (channel, time)."""
    whole = restored.to(torch.float32)
    return whole if protocol == "columns" else whole[:, lost(case, whole.shape[-1])]


def write_rows(path: Path, results: Results) -> None:
    """Write every row as CSV: what was restored, by which method, its scores and costs.

    Raises:
        InputError: it cannot be written.
    """
    heads = ["recording", "kind", "mask", "size_ms", "number", "gaps", "protocol", "method"]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*heads, *results.scores, "seconds", "memory_mb"])
        for row in results.rows:
            case = row.case
            gaps = " ".join(f"{gap.start}:{gap.stop}" for gap in case.mask.gaps)
            what = [case.recording.name, case.recording.kind, case.mask.label, case.mask.size_ms, case.number, gaps]
            values = [_cell(row.scores.get(name, math.nan)) for name in results.scores]
            cost = [f"{row.seconds:.4f}", _cell(round(row.memory_mb, 1))]
            writer.writerow([*what, results.protocol, row.method, *values, *cost])


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def write_details(path: Path, results: Results) -> None:
    """Write what it takes to repeat the work, and what failed, as JSON."""
    record = {
        "protocol": results.protocol,
        "methods": results.methods,
        "details": results.details,
        "failures": [
            {"method": failure.method, "case": failure.case.name, "reason": failure.reason}
            | ({"traceback": failure.traceback.splitlines()} if failure.traceback else {})
            for failure in results.failures
        ],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
