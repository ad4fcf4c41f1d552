"""Numbers on command lines, and lists of them."""

import argparse
import math

from audio_inpaint.errors import InputError


def share(text: str) -> float:
    """Read a number from 0 to 1.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is no number from 0 to 1")
    return found


def count(text: str) -> int:
    """Read a whole number from 1.

    Raises:
        ValueError, argparse.ArgumentTypeError: it is none.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


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
