"""Lists of numbers on command lines."""

import math

from audio_inpaint.errors import InputError


def numbers(text: str, kind: type = float) -> list:
    """Read sizes, such as 20,40,64.

    Raises:
        InputError: it is no list of numbers, or one of them is nothing or less.
    """
    found = _read(text, kind)
    if any(not 0 < number < 1e6 for number in found):
        raise InputError(f"{text!r}: sizes must be more than nothing")
    return found


def rising(text: str) -> tuple[float, ...]:
    """Read bounds, such as 3,10,20.

    Raises:
        InputError: it is no list of numbers, or they do not rise.
    """
    found = _read(text, float)
    if not all(low < high for low, high in zip((-math.inf, *found), (*found, math.inf), strict=True)):
        raise InputError(f"{text!r}: bounds must rise, as in 3,10,20")
    return tuple(found)


def _read(text: str, kind: type) -> list:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{text!r} is no list of numbers, such as 20,40,64") from None
