"""The report of repaired recordings: every one with its player, its pictures and its scores."""

import contextlib
import math
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import nearest, reason, replacing
from audio_inpaint.insertions import earlier, inserted_of
from audio_inpaint.methods.explanation import told
from audio_inpaint.repairing import FileRepair
from audio_inpaint.report.explanations import share_tables, timeline_data, timelines, to_check
from audio_inpaint.report.gap_tables import gap_table
from audio_inpaint.report.item import LSD, SNR, Item, Scores, check, facts, lost_ms, player_data, score, snr_notes
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

_BEST = {SNR: max, LSD: min}


def write_report(
    path: str | Path,
    items: Iterable[Item],
    command: str = "",
    title: str = "Audio inpainting report",
    details: Mapping[str, str] | None = None,
) -> None:
    """Write a self-contained page with players, spectrograms, waveforms, scores and explanations of every item.

    All samples of all items travel in the file, as 16 bits, so give excerpts of long recordings: the damaged audio
    costs up to 2.7 bytes a sample, the others next to nothing where they agree with it. Pictures are drawn by the
    browser from those samples. The same arguments give the same bytes. One item is in memory at a time.

    Args:
        path: the file; it appears, or is replaced, only when whole.
        items: in the order of the page.
        command: the command line that made the items.
        title: heading of the page.
        details: more of what it takes to repeat the work, such as the seed; name -> value.

    Raises:
        InputError: an item has no samples, waveforms of different shapes, a gap outside them, or explanations of no
            restoration; or `path` cannot be written.
    """
    with Report(path) as report:
        for item in items:
            report.add(item)
        report.write(command, title, details)


class Report:
    """A page in the making: items are added one by one, and wait in temporary files without names.

    Args:
        path: of the page, whose folder is made when the page is written.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.items: list[_Counts] = []
        self.lists: list[dict] = []
        try:
            self._sections, self._players = (
                TemporaryFile("w+", encoding="utf-8", errors="replace", dir=nearest(self.path.parent))  # noqa: SIM115
                for _ in range(2)
            )
        except OSError as error:
            raise InputError(f"{path} cannot be written: {reason(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._sections, self._players):
            with contextlib.suppress(OSError):  # of a full disk, which was said before
                file.close()

    def add(self, item: Item) -> None:
        """Add an item; what is kept of it in memory are a few numbers.

        Raises:
            InputError: the page could not show it, or the disk is full.
        """
        check(item)
        scores = score(item)
        player = {**player_data(item, snr_notes(scores)), **timeline_data(item), "list": len(self.lists)}
        between = bool(self.items)
        try:
            self._sections.write("\n" * between + _section(len(self.items) + 1, item, scores))
            self._players.write(", " * between + json_text(player))
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {reason(error)}") from error
        self.items.append(_Counts(item.name, len(item.gaps), lost_ms([item]), to_check(item)))

    def list_gaps(self, name: str, repair: FileRepair, levels: Sequence[float | None]) -> None:
        """List all gaps of a recording, shown or not, to be judged on the page; its items are added next.

        Args:
            name: of the recording.
            repair: what was done to it.
            levels: of the fills against their sides, dB.
        """
        rows = []
        for gap, one, level in zip(repair.gaps, told(repair.gaps, repair.explanations), levels, strict=True):
            rows.append(
                {
                    "start": gap.start,
                    "stop": gap.stop,
                    "channel": gap.channel,
                    "label": one.label if one else "",
                    "doubtful": bool(one and one.doubtful),
                    "level": None if level is None else round(level, 1),
                    # where it was before anything was inserted, for labels that are given back
                    "was": [earlier(gap.start, repair.insertions), earlier(gap.stop, repair.insertions)],
                    "inserted": inserted_of(gap, repair.insertions) if gap.channel is None else 0,
                }
            )
        self.lists.append({"name": name, "rate": repair.sample_rate, "gaps": rows})

    def write(
        self, command: str = "", title: str = "Audio inpainting report", details: Mapping[str, str] | None = None
    ) -> None:
        """Write the page; the arguments are those of `write_report`.

        Raises:
            InputError: it cannot be written.
        """
        sections, players = (secrets.token_hex(16) for _ in range(2))  # where they go in the page
        body = filled(
            "restorations.html",
            title=escape(title),
            summary=_summary(self.items, self.lists),
            contents=_contents(self.items),
            lists="".join(f'<section class="panel" id="list-{n + 1}"></section>' for n in range(len(self.lists))),
            items=sections,
            details=details_list({"Command": command, **(details or {}), "Versions": versions()}),
        )
        styles, scripts = ["page.css", "explanations.css"], [*PLAYER_SCRIPTS, "timeline.js", "start.js", "judging.js"]
        page = frame(title, body, {"items": [players], "lists": self.lists}, styles, scripts)
        before, rest = page.split(sections)
        middle, after = rest.split(f'"{players}"')
        with (
            replacing(self.path) as temporary,
            open(temporary, "w", encoding="utf-8", errors="replace") as file,  # names may hold bytes that are no text
        ):
            for text, long in ((before, self._sections), (middle, self._players), (after, None)):
                file.write(text)
                if long is not None:
                    long.seek(0)
                    shutil.copyfileobj(long, file, 1 << 20)


@dataclass(frozen=True)
class _Counts:
    """What the head of the page says of an item: its name, gaps, lost ms, and gaps to check."""

    name: str
    gaps: int
    lost: float
    doubtful: int


def _section(place: int, item: Item, scores: Scores) -> str:
    shares = share_tables(item)
    # where there is one method, what it tells of each gap says all that the plain table does
    gaps = "" if shares and len(item.restored) == 1 else gap_table(item)
    return f"""<article class="item" id="item-{place}" aria-labelledby="name-{place}">
<h2 id="name-{place}">{escape(item.name)}</h2>
<p class="quiet">{facts(item)}</p>
<div class="stage"></div>
{timelines(item)}<div class="tables">{_score_table(item, scores)}{gaps}{shares}</div>
</article>"""


def _summary(items: Sequence[_Counts], lists: Sequence[Mapping]) -> str:
    if lists:
        listed = [
            gap | {"ms": 1000 * (gap["stop"] - gap["start"]) / one["rate"]} for one in lists for gap in one["gaps"]
        ]
        lost, doubtful = sum(gap["ms"] for gap in listed), sum(gap["doubtful"] for gap in listed)
        shown = sum(item.gaps for item in items)
        gaps = count(len(listed), "gap") + (f" ({shown:,} shown)" if shown < len(listed) else "")
        return f"{count(len(lists), 'recording')}, {gaps}, {lost:.0f} ms of lost sound{_to_check(doubtful)}"
    gaps = count(sum(item.gaps for item in items), "gap")
    lost, doubtful = sum(item.lost for item in items), _to_check(sum(item.doubtful for item in items))
    return f"{count(len(items), 'recording')}, {gaps}, {lost:.0f} ms of lost sound{doubtful}"


def _to_check(amount: int) -> str:
    return f' <span class="check">{amount:,} to check</span>' if amount else ""


def _contents(items: Sequence[_Counts]) -> str:
    links = (
        f'<li><a href="#item-{n}">{escape(item.name)}</a>{_to_check(item.doubtful)}</li>'
        for n, item in enumerate(items, 1)
    )
    return f'<nav aria-label="Recordings"><ul class="contents">{"".join(links)}</ul></nav>' if len(items) > 1 else ""


def _score_table(item: Item, scores: Scores) -> str:
    metrics = list(dict.fromkeys(metric for values in scores.values() for metric in values))
    if not metrics and not item.seconds:
        return ""
    heads = [*metrics, *(["time (s)"] if item.seconds else [])]
    rows = []
    for name, values in scores.items():
        cells = []
        for metric in metrics:
            column = [other[metric] for other in scores.values() if not math.isnan(other.get(metric, math.nan))]
            best = metric in _BEST and len(column) > 1 and values.get(metric) == _BEST[metric](column)
            cells.append(f"<td{' class=best' if best else ''}>{number(values.get(metric))}</td>")
        if item.seconds:
            cells.append(f"<td>{number(item.seconds.get(name))}</td>")
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>')
    return table("Scores", "", ["method", *heads], rows)
