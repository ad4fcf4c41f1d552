"""The report of a benchmark: tables, box plots, and every restoration to hear and see."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from itertools import chain
from pathlib import Path

from audio_inpaint.benchmark.case_audio import excerpt, whole
from audio_inpaint.benchmark.case_files import write_audio
from audio_inpaint.benchmark.report_data import benchmark_data
from audio_inpaint.benchmark.results import Results
from audio_inpaint.benchmark.statistics import costs
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.folders import remove_folder, replacing_folder
from audio_inpaint.report.gap_tables import gap_table
from audio_inpaint.report.item import facts, player_data
from audio_inpaint.report.page import (
    PLAYER_SCRIPTS,
    count,
    details_list,
    filled,
    frame,
    json_text,
    number,
    table,
    versions,
)

__all__ = ["write_audio", "write_benchmark_report"]

_SCRIPTS = ("elements.js", "tables.js", "boxes.js", "plots.js", "rows.js", "case.js", "benchmark.js")
_PROTOCOLS = {
    "time": "The samples of a gap are lost: a method sees zeros there, and nothing of the original.",
    "columns": "Columns of the spectrogram are lost, all others are the original's. Those beside a gap still hold "
    "samples of it, so a part of the answer is given: these scores are never compared with those of the protocol time.",
}


def write_benchmark_report(
    path: Path,
    results: Results,
    command: str = "",
    title: str = "Audio inpainting benchmark",
    inline_mb: float = 40.0,
) -> None:
    """Write a page with the tables of a benchmark, box plots, and players of every case, which opens from a disk.

    Sound travels as 16 bits, of long recordings the surroundings of the gaps. The same results give the same bytes.

    Args:
        path: the file; it appears, or is replaced, only when whole.
        results: of a benchmark; its details are shown.
        command: the command line that made them.
        title: heading of the page.
        inline_mb: most sound that the page itself holds, MB; more goes to a folder beside it, `NAME_audio`, of which
            the page loads what is opened. An old folder is replaced or removed.

    Raises:
        InputError: a recording cannot be read, or the page or the folder not be written.
    """
    path = Path(path)
    folder, results = sound_folder(path), results.labelled()
    data = benchmark_data(results)
    edition = hashlib.sha256(json_text(data).encode("utf-8", "replace")).hexdigest()[:12]
    inside, more = _split(_sounds(results), inline_mb * 1e6)
    elements = ""
    if more is None:
        elements = "\n".join(
            f'<script type="application/json" id="sound-{place}">{sound}</script>' for place, sound in enumerate(inside)
        )
    else:
        data |= {"edition": edition, "folder": folder.name}
    body = filled(
        "benchmark.html",
        title=escape(title),
        summary=_summary(results),
        protocol=f"Protocol <b>{escape(results.protocol)}</b>. {_PROTOCOLS[results.protocol]}",
        sound=_sound_notice(folder.name) if more is not None else "",
        failures=_failures(results),
        costs=_costs(results),
        details=details_list(_details(results, command)),
    )
    page = frame(
        title, body, data, ["page.css", "benchmark.css"], [*PLAYER_SCRIPTS, *_SCRIPTS], elements,
        # from a disk, and from a server's own pages
        "'self' file:" if more is not None else "",
    )  # fmt: skip
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
        if more is None:
            remove_folder(folder, are_sounds)
        else:
            _write_sounds(folder, chain(inside, more), edition)


def sound_folder(path: Path) -> Path:
    """Return the folder of a page's sound, where that is too much for the page itself."""
    return path.with_name(f"{path.stem}_audio")


def _sounds(results: Results) -> Iterator[str]:
    """The sound of each case as JSON, as the page's player reads it, with its gaps as HTML."""
    for rows in results.by_case():
        item = excerpt(whole(results, rows))
        # an SNR of a whole gap would mix lost samples with those that follow from observed columns
        gaps = gap_table(item if results.protocol == "time" else replace(item, truth=None))
        yield json_text({**player_data(item, {}), "facts": facts(item), "gapTable": gaps})


def _split(sounds: Iterator[str], limit: float) -> tuple[list[str], Iterator[str] | None]:
    """All sounds and None if they take `limit` bytes at most, else the first ones and the others."""
    inside, size = [], 0
    for sound in sounds:
        inside.append(sound)
        size += len(sound)
        if size > limit:
            return inside, sounds
    return inside, None


def are_sounds(names: Sequence[str]) -> bool:
    """Whether these are files of a page's folder of sound."""
    return all(re.fullmatch(r"\d{6}\.js", name) for name in names)


def _write_sounds(folder: Path, sounds: Iterator[str], edition: str) -> None:
    with replacing_folder(folder, are_sounds) as temporary:
        for place, sound in enumerate(sounds):
            call = f"sound({json_text(edition)}, {place}, {sound});\n"
            (temporary / f"{place:06}.js").write_text(call, encoding="utf-8", errors="replace")


# ---- what can be read without the scripts


def _summary(results: Results) -> str:
    cases = [rows[0].case for rows in results.by_case()]
    kinds = dict.fromkeys(case.recording.kind for case in cases)
    masks = dict.fromkeys(case.mask.label for case in cases)
    amounts = [
        count(len({case.recording.name for case in cases}), "recording"),
        count(len(cases), "case"),
        count(len(results.methods), "method"),
        count(len(results.rows), "restoration"),
    ]
    return "<br>".join(escape(" · ".join(line)) for line in (amounts, [*kinds, *masks]))


def _sound_notice(folder: str) -> str:
    return (
        f'<p class="notice calm">The sound lies in the folder <code>{escape(folder)}</code>: '
        "keep the folder beside this page.</p>"
    )


def _failures(results: Results) -> str:
    if not results.failures:
        return ""
    total = len(results.rows) + len(results.failures)
    by_method = Counter(failure.method for failure in results.failures)
    told = ", ".join(f"{escape(name)} {amount:,}" for name, amount in by_method.items())
    rows = [
        f'<tr><th scope="row">{escape(failure.method)}</th><td>{escape(failure.case.name)}</td>'
        f"<td>{escape(failure.reason)}</td></tr>"
        for failure in results.failures
    ]
    return (
        f'<details class="notice failures"><summary>{len(results.failures):,} of {count(total, "restoration")} '
        f"failed: {told}</summary>{table('Failures', 'texts', ['method', 'case', 'reason'], rows)}</details>"
    )


def _costs(results: Results) -> str:
    amounts = Counter(row.method for row in results.rows)
    heads = ["method", "cases", "seconds a case, mean", "longest (s)", "most memory (MB)"]
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td>{amounts[name]:,}</td><td>{number(mean)}</td>'
        f"<td>{number(longest)}</td><td>{number(memory)}</td></tr>"
        for name, (mean, longest, memory) in costs(results.rows, results.methods).items()
    ]
    return table("Time and memory", "", heads, rows)


def _details(results: Results, command: str) -> dict[str, str]:
    """The results' own details have the last word: a report may be written elsewhere and later."""
    own = {name[:1].upper() + name[1:]: value for name, value in results.details.items()}
    return {"Command": command, "Protocol": results.protocol, "Versions": versions()} | own
