"""Kinds of damage: what each is called, how long it is, which search finds it, and which a medium suffers from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from audio_inpaint.errors import InputError
from audio_inpaint.methods.options import Range, allows, refusal

# Kind -> milliseconds, the shortest and the longest that count; what is longer is more likely a pause.
LENGTHS = {
    "zeros": (1.0, 10_000.0),
    "held": (1.0, 10_000.0),
    "nan": (0.0, 3.6e6),
    "combs": (0.0, 5.0),
    "repeats": (3.0, 500.0),
    "dropouts": (5.0, 2000.0),
    "clicks": (0.0, 8.0),
    "bursts": (4.0, 1200.0),
    "jumps": (0.0, 5.0),
}
KINDS = tuple(LENGTHS)
DEFAULT = ("zeros", "held", "nan", "combs", "repeats", "dropouts")
PRESETS = {
    "digital": ("zeros", "held", "nan", "combs", "repeats", "bursts", "jumps"),
    "tape": ("dropouts", "zeros", "nan"),
    "vinyl": ("clicks", "nan"),
    "voip": ("zeros", "held", "nan", "repeats", "dropouts", "bursts"),
    "speech": DEFAULT,
}

Share = Annotated[float, Range(0, 1)]
Shortest = Annotated[float, Range(0, 3.6e6)]
Longest = Annotated[float, Range(0, 3.6e6, above=True)]  # stretches of that length are in memory at once


@dataclass(frozen=True)
class Search:
    """What is looked for.

    Attributes:
        kinds: names from `KINDS`.
        sensitivity: of each kind, from 0 to 1; 0.1 more makes the odds of damage three times as large.
        min_confidence: the least probability of damage that is reported.
        lengths: milliseconds of each kind, the shortest and the longest.
        deliberate: whether silence that looks meant is listed too.
    """

    kinds: tuple[str, ...]
    sensitivity: Mapping[str, float]
    min_confidence: float
    lengths: Mapping[str, tuple[float, float]]
    deliberate: bool = False


def search(
    kinds: str | Iterable[str] | None = None,
    preset: str | None = None,
    sensitivity: float | Mapping[str, float] = 0.5,
    min_confidence: float = 0.5,
    min_ms: float | None = None,
    max_ms: float | None = None,
    deliberate: bool = False,
) -> Search:
    """Return what to look for, from what the user named.

    Args:
        kinds: names from `KINDS`, in one text with commas or apart; they win over those of the preset.
        preset: a name from `PRESETS`.
        sensitivity: from 0 to 1, of all kinds or of some.
        min_confidence: the least probability reported, from 0 to 1.
        min_ms: the shortest stretch; None for each kind's.
        max_ms: the longest stretch, an hour at most; None for each kind's.
        deliberate: whether silence that looks meant is listed too.

    Raises:
        InputError: there is no such kind or preset, or a number is out of range.

    >>> search("zeros,held").kinds
    ('zeros', 'held')
    """
    if preset is not None and preset not in PRESETS:
        raise InputError(f"there is no preset {preset!r}: choose from {', '.join(PRESETS)}")
    if kinds is None:
        chosen = PRESETS[preset] if preset else DEFAULT
    else:
        named = kinds.split(",") if isinstance(kinds, str) else kinds
        chosen = tuple(dict.fromkeys(str(one).strip() for one in named))
    each = sensitivity if isinstance(sensitivity, Mapping) else dict.fromkeys(KINDS, sensitivity)
    if unknown := [one for one in (*chosen, *each) if one not in KINDS]:
        raise InputError(f"there is no kind of damage {unknown[0]!r}: choose from {', '.join(KINDS)}")
    numbers = [("sensitivity", Share, one) for one in each.values()] + [("min_confidence", Share, min_confidence)]
    limits = (("min_ms", Shortest, min_ms), ("max_ms", Longest, max_ms))
    numbers += [limit for limit in limits if limit[2] is not None]
    for name, kind, value in numbers:
        if not allows(kind, value):
            raise InputError(refusal(name, kind, value))
    if min_ms is not None and max_ms is not None and max_ms < min_ms:
        raise InputError(f"min_ms is {min_ms:g} and max_ms {max_ms:g}: nothing is both longer and shorter")
    lengths = {
        kind: (LENGTHS[kind][0] if min_ms is None else min_ms, LENGTHS[kind][1] if max_ms is None else max_ms)
        for kind in KINDS
    }
    return Search(chosen, {kind: each.get(kind, 0.5) for kind in KINDS}, min_confidence, lengths, deliberate)
