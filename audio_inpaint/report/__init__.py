"""One HTML file to hear, see and score repaired recordings, which needs nothing outside itself."""

import base64
import json
import math
import platform
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

import torch
from torch import Tensor

from audio_inpaint import __version__
from audio_inpaint.atomic import replacing
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.metrics.lsd import lsd
from audio_inpaint.metrics.snr import snr
from audio_inpaint.spectrogram_picture import RANGE_DB, colour_table, window_length

Scores = dict[str, dict[str, float]]  # method -> metric -> value

_SCRIPTS = ("page.js", "sound.js", "pictures.js", "recording.js", "start.js")
_SNR, _LSD = "SNR on lost samples (dB)", "LSD (dB)"
_BEST = {_SNR: max, _LSD: min}


@dataclass
class Item:
    """A repaired recording, or an excerpt of one; all waveforms are `(channel, time)` and of one shape.

    Args:
        name: what the recording is called on the page.
        sample_rate: Hz.
        damaged: what was given.
        restored: method -> what it made.
        gaps: lost intervals in samples of these waveforms.
        truth: the undamaged recording, where it is known.
        seconds: method -> its running time, s.
        offset: position of the first sample in the file, s.
        scores: method -> metric -> value, shown beside the computed ones.
    """

    name: str
    sample_rate: int
    damaged: Tensor
    restored: dict[str, Tensor]
    gaps: list[Gap]
    truth: Tensor | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    offset: float = 0.0
    scores: Scores = field(default_factory=dict)


def write_report(
    path: str | Path,
    items: Sequence[Item],
    command: str = "",
    title: str = "Audio inpainting report",
    details: Mapping[str, str] | None = None,
) -> None:
    """Writes a self-contained page with players, spectrograms, waveforms and scores of every item.

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
        InputError: an item has no samples, waveforms of different shapes, or a gap outside them; or `path` cannot be
            written.
    """
    for item in items:
        _check(item)
    details = {"Command": command, **(details or {}), **_versions()}
    scores = [score(item) for item in items]
    page = Template(_part("page.html")).substitute(
        title=escape(title),
        style=_part("page.css"),
        script="\n".join(_part(name) for name in _SCRIPTS),
        summary=_summary(items),
        contents=_contents(items),
        items="\n".join(map(_section, range(1, len(items) + 1), items, scores)),
        details="".join(
            f"<dt>{escape(name)}</dt><dd><code>{escape(str(value))}</code></dd>"
            for name, value in details.items()
            if value != ""
        ),
        data=_json({"colours": colour_table(), "range": RANGE_DB, "items": list(map(_data, items, scores))}),
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")  # file names may hold bytes that are no text


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _json(value: object) -> str:
    # inside <script> only "<" could end the element
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _versions() -> dict[str, str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scipy", "soundfile"))
    return {"Versions": f"audio_inpaint {__version__}, Python {platform.python_version()}, {packages}"}


def _check(item: Item) -> None:
    shape = tuple(item.damaged.shape)
    if len(shape) != 2 or 0 in shape:
        raise InputError(f"{item.name}: the damaged audio has shape {shape}, it must be (channel, time) and not empty")
    others = item.restored if item.truth is None else {**item.restored, "the original": item.truth}
    for name, audio in others.items():
        if tuple(audio.shape) != shape:
            raise InputError(f"{item.name}: {name} has shape {tuple(audio.shape)}, the damaged audio {shape}")
    for gap in item.gaps:
        if not 0 <= gap.start < gap.stop <= shape[1] or (gap.channel is not None and not 0 <= gap.channel < shape[0]):
            raise InputError(f"{item.name}: gap {gap.start}:{gap.stop} lies outside the audio of shape {shape}")


# ---- what the script reads


def _data(item: Item, scores: Scores) -> dict:
    sources = [("Damaged", item.damaged), *item.restored.items()]
    notes = {
        name: f"{_number(table[_SNR])} dB SNR"
        for name, table in scores.items()
        if not math.isnan(table.get(_SNR, math.nan))
    }
    if item.truth is not None:
        sources.append(("Original", item.truth))
    base = _pcm(item.damaged)
    return {
        "rate": item.sample_rate,
        "channels": item.damaged.shape[0],
        "length": item.damaged.shape[1],
        "offset": item.offset,
        "window": window_length(item.sample_rate),
        "gaps": [[gap.start, gap.stop, gap.channel] for gap in item.gaps],
        "truth": item.truth is not None,
        # a difference from the damaged audio is nearly all zeros; 16-bit arithmetic wraps both here and in the browser
        "sources": [
            {"name": name, "note": notes.get(name, ""), "audio": _pack(_pcm(audio) - base if index else base)}
            for index, (name, audio) in enumerate(sources)
        ],
    }


def _pcm(audio: Tensor) -> Tensor:
    samples = audio.detach().cpu().double().nan_to_num(0.0, 1.0, -1.0) * 2**15
    return samples.round().clamp(-(2**15), 2**15 - 1).to(torch.int16)


def _pack(samples: Tensor) -> str:
    return base64.b64encode(zlib.compress(samples.numpy().astype("<i2").tobytes(), 9)).decode()


# ---- what can be read without the script


def _section(number: int, item: Item, scores: Scores) -> str:
    return f"""<article class="item" id="item-{number}" aria-labelledby="name-{number}">
<h2 id="name-{number}">{escape(item.name)}</h2>
<p class="quiet">{_facts(item)}</p>
<div class="stage"></div>
<div class="tables">{_score_table(item, scores)}{_gap_table(item)}</div>
</article>"""


def _facts(item: Item) -> str:
    channels, length = item.damaged.shape
    facts = [
        f"{item.sample_rate / 1000:g} kHz",
        {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels"),
        f"{length / item.sample_rate:.2f} s" + (f" from {item.offset:.2f} s of the file" if item.offset else ""),
        _count(len(item.gaps), "gap") + (f", {_lost_ms([item]):.0f} ms in all" if item.gaps else ""),
    ]
    audio = torch.cat([item.damaged, *item.restored.values(), *([] if item.truth is None else [item.truth])])
    if not audio.isfinite().all():
        facts.append("samples that are not numbers are shown as silence")
    if (audio.nan_to_num(0.0).abs() > 1).any():
        facts.append("samples beyond full scale are clipped here")
    return " · ".join(facts)


def _summary(items: Sequence[Item]) -> str:
    gaps = _count(sum(len(item.gaps) for item in items), "gap")
    return f"{_count(len(items), 'recording')}, {gaps}, {_lost_ms(items):.0f} ms of lost sound"


def _contents(items: Sequence[Item]) -> str:
    links = (f'<li><a href="#item-{n}">{escape(item.name)}</a></li>' for n, item in enumerate(items, 1))
    return f'<nav aria-label="Recordings"><ul class="contents">{"".join(links)}</ul></nav>' if len(items) > 1 else ""


def _lost_ms(items: Sequence[Item]) -> float:
    return sum(1000 * (gap.stop - gap.start) / item.sample_rate for item in items for gap in item.gaps)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # + 0.0 turns -0.0 into 0.0


def score(item: Item) -> Scores:
    """Scores every restoration of an item on its lost samples, if the truth is known, and adds `item.scores`."""
    scores = {name: {} for name in item.restored}
    if item.truth is not None and item.gaps:
        channels, length = item.damaged.shape
        truth = item.truth.detach().cpu()
        lost = torch.stack([gap_mask(item.gaps, length, channel) for channel in range(channels)])
        for name, audio in item.restored.items():
            audio = audio.detach().cpu()
            distances = [lsd(audio[channel], truth[channel], gap) for channel, gap in enumerate(lost) if gap.any()]
            # one vector of all channels, so that their energies are added before the ratio
            scores[name][_SNR] = float(snr(audio[lost], truth[lost]))
            scores[name][_LSD] = float(torch.stack(distances).mean())
    return {name: computed | item.scores.get(name, {}) for name, computed in scores.items()}


def _gap_snr(item: Item, audio: Tensor, gap: Gap) -> float:
    channels = slice(None) if gap.channel is None else gap.channel
    lost = (channels, slice(gap.start, gap.stop))
    return float(snr(audio[lost].detach().cpu().flatten(), item.truth[lost].detach().cpu().flatten()))


def _score_table(item: Item, scores: Scores) -> str:
    metrics = list(dict.fromkeys(metric for table in scores.values() for metric in table))
    if not metrics and not item.seconds:
        return ""
    heads = [*metrics, *(["time (s)"] if item.seconds else [])]
    rows = []
    for name, table in scores.items():
        cells = []
        for metric in metrics:
            column = [other[metric] for other in scores.values() if not math.isnan(other.get(metric, math.nan))]
            best = metric in _BEST and len(column) > 1 and table.get(metric) == _BEST[metric](column)
            cells.append(f"<td{' class=best' if best else ''}>{_number(table.get(metric))}</td>")
        if item.seconds:
            cells.append(f"<td>{_number(item.seconds.get(name))}</td>")
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>')
    return _table("Scores", "", ["method", *heads], rows)


def _gap_table(item: Item) -> str:
    if not item.gaps:
        return ""
    known = item.truth is not None
    by_channel = any(gap.channel is not None for gap in item.gaps)
    heads = ["gap", "start (s)", "length (ms)", *(["channel"] if by_channel else [])]
    heads += item.restored if known else []
    rows = []
    for number, gap in enumerate(item.gaps, 1):
        start, length = item.offset + gap.start / item.sample_rate, 1000 * (gap.stop - gap.start) / item.sample_rate
        cells = [f"{start:.3f}", f"{length:.1f}"]
        if by_channel:
            cells.append("all" if gap.channel is None else str(gap.channel + 1))
        if known:
            cells += [_number(_gap_snr(item, audio, gap)) for audio in item.restored.values()]
        cells = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row"><button type="button">{number}</button></th>{cells}</tr>')
    return _table("Gaps, with the SNR of each method (dB)" if known else "Gaps", "gap-list", heads, rows)


def _table(title: str, kind: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return (
        f'<section><h3>{title}</h3><div class="scroll"><table class="{kind}">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></section>"
    )
