"""Options of methods: the arguments of what builds a method, with types and ranges.

A class annotates its arguments, and that is all it takes:

    order: Annotated[int, Range(1)] = 32
    share: Annotated[float, Range(0, 1)] = 0.5
    phases: Literal["filled", "reconstructed"] = "filled"

The decorator `checked` holds Python's callers to the same.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import os
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from audio_inpaint.errors import InputError

_Class = TypeVar("_Class", bound=type)


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
        if value != value or (value in (math.inf, -math.inf) and value != self.most):
            return False
        low = self.least is None or (value > self.least if self.above else value >= self.least)
        return low and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        low = "" if self.least is None else f"{'above' if self.above else 'from'} {self.least:.7g}"
        high = "" if self.most is None else "up to infinity" if math.isinf(self.most) else f"to {self.most:.7g}"
        return " ".join(part for part in (low, high) if part)


Count = Annotated[int, Range(1, 1_000_000)]  # more of anything would not end
Seconds = Annotated[float, Range(0.001, 86400)]  # from a few samples to a day
Context = Annotated[float, Range(0.001, math.inf)]  # infinite: the whole recording


def options(factory: Callable, skip: int = 0) -> dict[str, Any]:
    """Return the options of a class or function and their types.

    One without a type has that of its default, and `inspect.Parameter.empty` where this says nothing.

    Args:
        factory: what is called with the options.
        skip: positional parameters at the front that are no options.
    """
    hints = _hints(factory)
    return {one.name: hints.get(one.name, _like(one.default)) for one in _named(factory, skip)}


def accepted(spec: str, factory: Callable, given: Iterable[str], skip: int = 0) -> dict[str, Any]:
    """Return the types of the options that are given; all that have no default must be.

    Args:
        spec: how the user named the method, for messages.
        factory: what is called with the options; if it takes `**options`, those that it does not name may be anything.
        given: names of options.
        skip: positional parameters at the front that are no options.

    Raises:
        InputError: the factory has no such option, or needs one that is not given.
    """
    known, given = options(factory, skip), list(given)
    parameters = inspect.signature(factory).parameters.values()
    anything = any(one.kind is one.VAR_KEYWORD for one in parameters)
    for name in given:
        if name not in known and not anything:
            allowed = f"choose from {', '.join(known)}" if known else "it has none"
            raise InputError(f"{spec}: there is no option {name!r}; {allowed}")
    if missing := [one.name for one in _named(factory, skip) if one.default is one.empty and one.name not in given]:
        raise InputError(f"{spec}: {missing[0]} must be given: add {missing[0]}=VALUE")
    return {name: known.get(name, inspect.Parameter.empty) for name in given}


def checked(kind: _Class) -> _Class:
    """Let a class refuse arguments that their types do not allow, with a ValueError.

    >>> @checked
    ... class Fade:
    ...     def __init__(self, amount: Annotated[float, Range(0, 1)] = 0.5):
    ...         self.amount = amount
    >>> Fade(amount=5)
    Traceback (most recent call last):
    ValueError: amount is a number from 0 to 1, not 5
    """
    build = kind.__init__
    signature = inspect.signature(build)

    @functools.wraps(build)
    def built(self: Any, *arguments: Any, **named: Any) -> None:
        types_of, bound = options(kind), signature.bind(self, *arguments, **named)
        for name in [one for one in bound.arguments if one in types_of]:
            value = bound.arguments[name] = whole(types_of[name], bound.arguments[name])
            if not allows(types_of[name], value):
                raise ValueError(refusal(name, types_of[name], value))
        build(*bound.args, **bound.kwargs)

    kind.__init__ = built
    return kind


def allows(kind: Any, value: object) -> bool:
    """Whether a type, with its ranges, allows a value.

    >>> allows(Count | None, None), allows(Count, 0), allows(tuple[Seconds, ...], [0.5, 2])
    (True, False, True)
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limits = [one for one in arguments[1:] if isinstance(one, Range)]
        held = [one for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, numbers.Real)]
        return allows(arguments[0], value) and all(one in limit for limit in limits for one in held)
    if origin in (Union, types.UnionType):
        return any(allows(one, value) for one in arguments)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in arguments)
    if kind in (Any, inspect.Parameter.empty):
        return True
    if kind in (int, float):
        # numpy's numbers are such numbers too; True and False are none
        return isinstance(value, numbers.Integral if kind is int else numbers.Real) and not isinstance(value, bool)
    if listed(kind):
        if not isinstance(value, list | tuple):
            return False
        each = elements(kind, len(value))
        return len(each) == len(value) and all(map(allows, each, value))
    if isinstance(kind, type) and issubclass(kind, Path):
        return isinstance(value, str | os.PathLike)
    expected = types.NoneType if kind is None else origin or kind
    return isinstance(value, expected) if isinstance(expected, type) else True


def whole(kind: Any, value: object) -> Any:
    """Return a value as a type wants it: 5.0 as 5 where a whole number is wanted, all else as it is.

    >>> whole(Count, 5.0), whole(Seconds, 5.0), whole(Count, 2.5)
    (5, 5.0, 2.5)
    """
    if allows(kind, value) or not isinstance(value, numbers.Real) or isinstance(value, bool):
        return value
    return int(value) if math.isfinite(value) and int(value) == value and allows(kind, int(value)) else value


def refusal(name: str, kind: Any, value: object) -> str:
    """Say what an option is, and what it is not."""
    return f"{name} is {described(kind)}, not {value!r:.80}"


def described(kind: Any) -> str:
    """Describe the values that a type allows: "a whole number from 1"."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limits = [str(one) for one in arguments[1:] if isinstance(one, Range)]
        return " ".join([described(arguments[0]), *limits])
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(described(one) for one in arguments if not (one is int and float in arguments))
    if listed(kind):
        return f"a list, such as [a,b], each {described(arguments[0])}" if arguments else "a list, such as [a,b]"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
    return "null" if kind is types.NoneType else words.get(kind, getattr(kind, "__name__", str(kind)))


def ranged(kind: Any) -> bool:
    """Whether a type says which values it allows: every number in it has a `Range`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return any(isinstance(one, Range) for one in arguments[1:]) or ranged(arguments[0])
    if origin in (Union, types.UnionType) or listed(kind):
        return bool(arguments) and all(ranged(one) for one in arguments if one is not Ellipsis)
    return kind not in (int, float, inspect.Parameter.empty, Any)


def listed(kind: Any) -> bool:
    """Whether a type is one of lists."""
    return (get_origin(kind) or kind) in (tuple, list, Sequence)


def elements(kind: Any, count: int) -> Sequence[Any]:
    """Return the types of a list's elements, in a tuple such as `tuple[int, float]` one for each place."""
    arguments = get_args(kind) or (inspect.Parameter.empty,)
    apart = (get_origin(kind) or kind) is tuple and len(arguments) > 1 and arguments[-1] is not Ellipsis
    return arguments if apart else [arguments[0]] * count


def _named(factory: Callable, skip: int) -> list[inspect.Parameter]:
    parameters = inspect.signature(factory).parameters.values()
    return [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)][skip:]


def _like(default: object) -> Any:
    """Return the type that a default stands for: a whole number may be any number."""
    if isinstance(default, bool | str):
        return type(default)
    return int | float if isinstance(default, int | float) else inspect.Parameter.empty


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
