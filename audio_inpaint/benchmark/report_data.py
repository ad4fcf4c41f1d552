"""What the scripts of a benchmark's page read: its cases, its rows, and the summaries of every grouping of them."""

import math
from itertools import combinations

from audio_inpaint.benchmark.cases import Case, Recording
from audio_inpaint.benchmark.grouping import varied
from audio_inpaint.benchmark.results import Results
from audio_inpaint.benchmark.scoring import SCORES
from audio_inpaint.benchmark.statistics import summaries
from audio_inpaint.files.recording import Reader

Number = float | str | None  # of JSON, which has no infinity and no NaN

# what the page sorts by: up, down, or towards zero
_BETTER = {True: 1, False: -1, None: 0}


def benchmark_data(results: Results) -> dict:
    """Everything but sound, as JSON holds it; methods, scores and cases are told by their places."""
    cases = results.by_case()
    place = {rows[0].case.name: number for number, rows in enumerate(cases)}
    method = {name: number for number, name in enumerate(results.methods)}
    return {
        "methods": results.methods,
        "scores": [
            {
                "name": name,
                "label": one.label,
                "unit": one.unit,
                "better": {True: 1, False: -1, None: 0}[one.higher_is_better],
            }
            for name, one in ((name, SCORES[name]) for name in results.scores)
        ],
        "cases": [_case(rows[0].case) for rows in cases],
        "rows": [
            [
                place[row.case.name],
                method[row.method],
                [_number(row.scores.get(name, math.nan)) for name in results.scores],
                _number(row.seconds),
                _number(row.memory_mb),
            ]
            for row in results.rows
        ],
        "failures": [
            [place[failure.case.name], method[failure.method], failure.reason]
            for failure in results.failures
            if failure.case.name in place
        ],
        "tables": _tables(results, method),
    }


def _case(case: Case) -> dict:
    recording, mask = case.recording, case.mask
    return {
        "recording": recording.name,
        "kind": recording.kind,
        "mask": mask.label,
        "size": mask.size_ms,
        "number": case.number,
        "rate": _rate(recording),
        "start": recording.start,
        "gaps": [[gap.start, gap.stop] for gap in mask.gaps],
    }


def _rate(recording: Recording) -> int:
    if recording.sample_rate:
        return recording.sample_rate
    with Reader(recording.path) as reader:
        return reader.sample_rate


def _tables(results: Results, method: dict[str, int]) -> list[dict]:
    """The summaries of all cases, and by whatever tells cases apart, with paired differences to every reference."""
    names = varied(results)
    groupings = [by for size in range(len(names), -1, -1) for by in combinations(names, size)]
    return [{"by": by, "groups": _groups(results, by, method)} for by in groupings]


def _groups(results: Results, by: tuple[str, ...], method: dict[str, int]) -> list[dict]:
    groups: dict[tuple[str, ...], dict[int, dict[str, dict]]] = {}
    for reference in results.methods:
        for found in summaries(results, by, reference):
            of_method = groups.setdefault(found.group, {}).setdefault(method[found.method], {})
            cell = of_method.setdefault(
                found.score, {"mean": _number(found.mean), "std": _number(found.std), "n": found.count, "to": {}}
            )
            if math.isfinite(found.difference):
                pair = (found.difference, found.error, found.t_test, found.wilcoxon, found.worst)
                cell["to"][method[reference]] = [_number(value) for value in pair]
    return [
        {"names": group, "methods": {place: list(cells.values()) for place, cells in own.items()}}
        for group, own in groups.items()
    ]


def _number(value: float) -> Number:
    """Six digits, more than any of these numbers means."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(f"{value:.6g}")
