"""Options of methods: read from text by the signature of what builds the method, with types and ranges.

A class annotates its arguments, and that is all it takes:

    order: Annotated[int, Range(1)] = 32
    share: Annotated[float, Range(0, 1)] = 0.5
    phases: Literal["filled", "reconstructed"] = "filled"
"""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from audio_inpaint.errors import InputError


@dataclass(frozen=True)
class Range:
    """The numbers that an option allows.

    Args:
        least: the smallest one, if there is one.
        most: the largest one, if there is one; `math.inf` allows infinity too.
        above: whether `least` itself is too small.
    """

    least: float | None = None
    most: float | None = None
    above: bool = False

    def __contains__(self, value: float) -> bool:
        if math.isnan(value) or (math.isinf(value) and value != self.most):
            return False
        low = self.least is None or (value > self.least if self.above else value >= self.least)
        return low and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        low = "" if self.least is None else f"{'above' if self.above else 'from'} {self.least:g}"
        high = "" if self.most is None else "up to infinity" if math.isinf(self.most) else f"to {self.most:g}"
        return " ".join(part for part in (low, high) if part)


Count = Annotated[int, Range(1)]
Seconds = Annotated[float, Range(0, above=True)]  # some, but finite
Context = Annotated[float, Range(0, math.inf, above=True)]  # infinite: the whole recording


def options(factory: Callable, skip: int = 0) -> dict[str, Any]:
    """Return the options of a class or function and their types; one without a type has `inspect.Parameter.empty`.

    Args:
        factory: what is called with the options.
        skip: positional parameters at the front that are no options.
    """
    hints = _hints(factory)
    parameters = [one for one in _parameters(factory) if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)][skip:]
    return {one.name: hints.get(one.name, one.annotation) for one in parameters}


def parsed(spec: str, factory: Callable, given: Mapping[str, str], skip: int = 0) -> dict[str, Any]:
    """Read options that are given as text.

    Args:
        spec: how the user named the method, for messages.
        factory: what is called with the options; if it takes `**options`, those that it does not name are read as YAML.
        given: option -> text.
        skip: positional parameters at the front that are no options.

    Raises:
        InputError: the factory has no such option, or it does not allow the value.
    """
    known, values = options(factory, skip), {}
    takes_any = any(one.kind is one.VAR_KEYWORD for one in _parameters(factory))
    for name, text in given.items():
        if name not in known and not takes_any:
            allowed = f"choose from {', '.join(known)}" if known else "it has none"
            raise InputError(f"{spec}: there is no option {name!r}; {allowed}")
        kind = known.get(name, inspect.Parameter.empty)
        try:
            values[name] = _value(text, kind)
        except (ValueError, OverflowError):
            raise InputError(f"{spec}: {name} is {described(kind)}, not {text!r}") from None
    return values


def described(kind: Any) -> str:
    """Describe the values that a type allows: "a whole number from 1"."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limits = [str(one) for one in arguments[1:] if isinstance(one, Range)]
        return " ".join([described(arguments[0]), *limits])
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(described(one) for one in arguments)
    if _listed(kind):
        return f"a list, such as [a,b], each {described(arguments[0])}" if arguments else "a list, such as [a,b]"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
    return "null" if kind is types.NoneType else words.get(kind, getattr(kind, "__name__", str(kind)))


def ranged(kind: Any) -> bool:
    """Whether a type says which values it allows: every number in it has a `Range`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return any(isinstance(one, Range) for one in arguments[1:]) or ranged(arguments[0])
    if origin in (Union, types.UnionType) or _listed(kind):
        return bool(arguments) and all(ranged(one) for one in arguments if one is not Ellipsis)
    return kind not in (int, float, inspect.Parameter.empty, Any)


def _parameters(factory: Callable) -> Sequence[inspect.Parameter]:
    return list(inspect.signature(factory).parameters.values())


def _hints(factory: Callable) -> dict[str, Any]:
    """Return the annotations as types, those of a dataclass by the modules of its bases."""
    source = factory
    if isinstance(factory, type) and not is_dataclass(factory):
        source = factory.__init__
    elif not isinstance(factory, type) and not inspect.isroutine(factory):
        source = type(factory).__call__
    try:
        return get_type_hints(source, include_extras=True)
    except (NameError, TypeError):  # names that exist for a type checker only
        return {}


def _listed(kind: Any) -> bool:
    return (get_origin(kind) or kind) in (tuple, list, Sequence)


def _value(text: Any, kind: Any) -> Any:
    """Read a value of a type; ValueError if it is none."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        value = _value(text, arguments[0])
        for limits in arguments[1:]:
            numbers = value if isinstance(value, tuple | list) else [value]
            if isinstance(limits, Range) and any(one is not None and one not in limits for one in numbers):
                raise ValueError
        return value
    if origin in (Union, types.UnionType):
        return _first(text, arguments)
    if origin is Literal:
        found = [one for one in arguments if str(one) == str(text)]
        return found[0] if found else _refuse()
    if _listed(kind):
        found = _yaml(text) if isinstance(text, str) else text
        each = arguments[0] if arguments else inspect.Parameter.empty
        values = [_value(one, each) for one in (found if isinstance(found, list) else _refuse())]
        return values if (origin or kind) is list else tuple(values)
    return _plain(text, kind)


def _plain(text: Any, kind: Any) -> Any:
    if kind is types.NoneType:
        return None if text is None or str(text).lower() in ("null", "none") else _refuse()
    if kind is bool:
        return (
            {"true": True, "false": False}[str(text).lower()] if str(text).lower() in ("true", "false") else _refuse()
        )
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
    whole = str(text).strip()
    try:
        return int(whole)  # exact, however large
    except ValueError:
        return float(whole.removeprefix(".") if whole.lower() in (".inf", ".nan") else whole)


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
