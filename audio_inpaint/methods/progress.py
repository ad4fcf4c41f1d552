"""How far a method has come with the gaps that it was given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[float], None]] = []


@contextmanager
def counting(progress: Callable[[int, int], None] | None, done: int, count: int, total: int) -> Iterator[None]:
    """Call `progress(gaps filled, gaps in all)` as a method fills some gaps together, and when all of them are filled.

    Args:
        progress: what is called, if anything is.
        done: gaps that were filled before.
        count: gaps that are filled now.
        total: gaps in all.
    """
    if progress is None:
        yield
        return
    last = done

    def listen(share: float) -> None:
        nonlocal last
        now = done + min(int(share * count), count - 1)
        if now > last:
            last = now
            progress(now, total)

    with listening(listen):
        yield
    progress(done + count, total)


@contextmanager
def listening(listen: Callable[[float], None]) -> Iterator[None]:
    """Call `listen(share)` as a method says how far it has come; what it raises ends the method."""
    _listeners.append(listen)
    try:
        yield
    finally:
        _listeners.remove(listen)


def advanced(share: float) -> None:
    """Say that a method is done with this share of its work, from 0 to 1."""
    for listen in _listeners:
        listen(share)
