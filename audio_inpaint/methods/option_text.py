"""Options of methods as text, `iterations=5` or `templates=[0.032,0.064]`, read by their types."""

from __future__ import annotations

import inspect
import math
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from audio_inpaint.errors import InputError
from audio_inpaint.methods.options import accepted, allows, elements, listed, refusal, whole

_OPTIONS = re.compile(r"(.+?):([A-Za-z_][\w.]*=.*)", re.DOTALL)
_OPTION = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)


def split(spec: str) -> tuple[str, dict[str, str]]:
    """Split a method's name from its options, as text; commas in brackets belong to a value.

    Raises:
        InputError: it is no text, or an option has no value, or is given twice.

    >>> split("mine.py:Fade:order=3,sizes=[1,2]")
    ('mine.py:Fade', {'order': '3', 'sizes': '[1,2]'})
    """
    if not isinstance(spec, str):
        raise InputError(f"a method is named by text, such as 'janssen:order=32', not by {type(spec).__name__}")
    match = _OPTIONS.fullmatch(spec)
    if not match:
        return spec, {}
    options: dict[str, str] = {}
    for part in at_commas(match[2]):
        option = _OPTION.fullmatch(part)
        if not option:
            raise InputError(f"{spec}: {part!r} is no option: write NAME=VALUE, lists as NAME=[A,B]")
        if option[1] in options:
            raise InputError(f"{spec}: {option[1]} is given twice")
        options[option[1]] = option[2]
    return match[1], options


def at_commas(text: str) -> Iterator[str]:
    """Cut text at the commas that are in no brackets."""
    depth = start = 0
    for place, sign in enumerate(text):
        depth += (sign in "[({") - (sign in "])}")
        if sign == "," and depth <= 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def parsed(
    spec: str, factory: Callable, texts: Mapping[str, str], values: Mapping[str, Any] | None = None, skip: int = 0
) -> dict[str, Any]:
    """Read options that are given as text, and check those that are given as values.

    Args:
        spec: how the user named the method, for messages.
        factory: what is called with the options; if it takes `**options`, those that it does not name are read as YAML.
        texts: option -> text.
        values: option -> value.
        skip: positional parameters at the front that are no options.

    Raises:
        InputError: the factory has no such option, it does not allow the value, or an option is given twice or not at
            all that must be given.

    >>> from audio_inpaint.methods.janssen import Janssen
    >>> parsed("janssen:order=1e3", Janssen, {"order": "1e3"}, {"iterations": 5})
    {'order': 1000, 'iterations': 5}
    """
    read, values = {}, dict(values or {})
    known = accepted(spec, factory, [*texts, *values], skip)
    for name, text in texts.items():
        if name in values:
            raise InputError(f"{spec}: {name} is given twice")
        try:
            read[name] = _value(text, known[name])
        except (ValueError, OverflowError):
            raise InputError(f"{spec}: {refusal(name, known[name], text)}") from None
    for name, value in values.items():
        read[name] = whole(known[name], value)
        if not allows(known[name], read[name]):
            raise InputError(f"{spec}: {refusal(name, known[name], value)}")
    return read


def _value(text: Any, kind: Any) -> Any:
    """Read a value of a type; ValueError if it is none."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        value = _value(text, arguments[0])
        return value if allows(kind, value) else _refuse()
    if origin in (Union, types.UnionType):
        return _first(text, arguments)
    if origin is Literal:
        found = [one for one in arguments if str(one) == str(text)]
        return found[0] if found else _refuse()
    if listed(kind):
        found = _yaml(text) if isinstance(text, str) else text
        found = found if isinstance(found, list) else _refuse()
        values = [_value(one, each) for each, one in zip(elements(kind, len(found)), found, strict=True)]
        return values if (origin or kind) is list else tuple(values)
    return _plain(text, kind)


def _plain(text: Any, kind: Any) -> Any:
    if kind is types.NoneType:
        return None if text is None or str(text).lower() in ("null", "none") else _refuse()
    if kind is bool:
        return str(text).lower() == "true" if str(text).lower() in ("true", "false") else _refuse()
    if kind in (int, float):
        number = _number(text)
        if kind is float:
            return float(number)
        return int(number) if math.isfinite(number) and number == int(number) else _refuse()
    if kind is str:
        return str(text)
    if isinstance(kind, type) and issubclass(kind, Path):
        return kind(text)
    value = _yaml(text) if isinstance(text, str) else text
    expected = get_origin(kind) or kind
    return value if expected in (Any, inspect.Parameter.empty) or _is_a(value, expected) else _refuse()


def _number(text: Any) -> float:
    if isinstance(text, bool) or "_" in str(text):
        raise ValueError
    number = str(text).strip()
    try:
        return int(number)  # exact, however large
    except ValueError:
        return float(number.removeprefix(".") if number.lower() in (".inf", ".nan") else number)


def _first(text: Any, kinds: Sequence[Any]) -> Any:
    for kind in sorted(kinds, key=lambda one: one is str):  # text takes anything
        try:
            return _value(text, kind)
        except ValueError:
            continue
    raise ValueError


def _is_a(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) if isinstance(kind, type) else True


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError from error


def _refuse() -> Any:
    raise ValueError
