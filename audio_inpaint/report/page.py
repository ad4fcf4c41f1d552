"""What the pages of all reports are made of: one frame, its parts, tables, numbers, and how a page was made."""

import json
import math
import platform
from collections.abc import Mapping, Sequence
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from audio_inpaint import __version__
from audio_inpaint.report.colours import RANGE_DB, colour_table

PLAYER_SCRIPTS = ("page.js", "figures.js", "sound.js", "pictures.js", "recording.js", "keys.js")


def frame(
    title: str,
    body: str,
    data: Mapping,
    styles: Sequence[str],
    scripts: Sequence[str],
    sound: str = "",
    sound_from: str = "",
) -> str:
    """Make a page that needs nothing outside itself, but for sound where `sound_from` allows it.

    Args:
        title: of the window, as plain text.
        body: HTML.
        data: what the scripts find in `page`, besides the colours of spectrograms.
        styles: names of the package's style sheets.
        scripts: names of the package's scripts, in the order of their running.
        sound: elements that hold sound.
        sound_from: sources of the content security policy that scripts with sound may come from.
    """
    return Template(part("frame.html")).substitute(
        title=escape(title),
        style="\n".join(map(part, styles)),
        body=body,
        player=part("player.html"),
        data=json_text({"colours": colour_table(), "range": RANGE_DB, **data}),
        sound=sound,
        sound_from=f" {sound_from}" if sound_from else "",
        script="\n".join(map(part, scripts)),
    )


def is_page(path: str | Path) -> bool:
    """Whether a file is a page that `frame` made."""
    try:
        with open(path, "rb") as file:
            return b'<meta name="generator" content="audio-inpaint">' in file.read(1000)
    except OSError:
        return False


def filled(name: str, **values: str) -> str:
    """A part of a page with its placeholders filled, among them those of the player's switch and keys."""
    return Template(part(name)).substitute(frequency=part("frequency.html"), keys=part("keys.html"), **values)


def part(name: str) -> str:
    """A file of this package, as text."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def json_text(value: object) -> str:
    """JSON that can stand inside a script element, which only "<" could end."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def details_list(details: Mapping[str, str]) -> str:
    """What it takes to repeat the work, as terms and their descriptions; empty ones are left out."""
    return "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(str(value))}</code></dd>"
        for name, value in details.items()
        if value != ""
    )


def versions() -> str:
    """Of this package, Python, and what computes."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scipy", "soundfile"))
    return f"audio_inpaint {__version__}, Python {platform.python_version()}, {packages}"


def table(title: str, kind: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """A table under a heading; `rows` are HTML, `heads` plain text."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return (
        f'<section><h3>{title}</h3><div class="scroll"><table class="{kind}">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def number(value: float | None, decimals: int = 2) -> str:
    """A score for a person."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:z.{decimals}f}".replace("-", "−")


def count(amount: int, noun: str) -> str:
    """`1 gap`, `2,000 gaps`."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"
