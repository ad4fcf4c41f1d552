"""The report of repaired recordings: every one with its player, its pictures and its scores."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from audio_inpaint.files.atomic import replacing
from audio_inpaint.report.explanations import share_tables, timeline_data, timelines, to_check
from audio_inpaint.report.gap_tables import gap_table
from audio_inpaint.report.item import LSD, SNR, Item, Scores, check, facts, lost_ms, player_data, score, snr_notes
from audio_inpaint.report.page import PLAYER_SCRIPTS, count, details_list, filled, frame, number, table, versions

_BEST = {SNR: max, LSD: min}


def write_report(
    path: str | Path,
    items: Sequence[Item],
    command: str = "",
    title: str = "Audio inpainting report",
    details: Mapping[str, str] | None = None,
) -> None:
    """Writes a self-contained page with players, spectrograms, waveforms, scores and explanations of every item.

    All samples of all items travel in the file, as 16 bits, so give excerpts of long recordings: the damaged audio
    costs up to 2.7 bytes a sample, the others next to nothing where they agree with it. Pictures are drawn by the
    browser from those samples. The same arguments give the same bytes.

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
    for item in items:
        check(item)
    scores = [score(item) for item in items]
    body = filled(
        "restorations.html",
        title=escape(title),
        summary=_summary(items),
        contents=_contents(items),
        items="\n".join(map(_section, range(1, len(items) + 1), items, scores)),
        details=details_list({"Command": command, **(details or {}), "Versions": versions()}),
    )
    players = [
        {**player_data(item, snr_notes(own)), **timeline_data(item)} for item, own in zip(items, scores, strict=True)
    ]
    styles, scripts = ["page.css", "explanations.css"], [*PLAYER_SCRIPTS, "timeline.js", "start.js"]
    page = frame(title, body, {"items": players}, styles, scripts)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")  # file names may hold bytes that are no text


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


def _summary(items: Sequence[Item]) -> str:
    gaps = count(sum(len(item.gaps) for item in items), "gap")
    doubtful = _to_check(sum(map(to_check, items)))
    return f"{count(len(items), 'recording')}, {gaps}, {lost_ms(items):.0f} ms of lost sound{doubtful}"


def _to_check(amount: int) -> str:
    return f' <span class="check">{amount:,} to check</span>' if amount else ""


def _contents(items: Sequence[Item]) -> str:
    links = (
        f'<li><a href="#item-{n}">{escape(item.name)}</a>{_to_check(to_check(item))}</li>'
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
