"""Loops that numpy cannot do at once, compiled when they are first called and kept on disk for the next process."""

import functools
from collections.abc import Callable

# Sums may be taken in another order, so that they fill the processor's registers; NaN and infinity stay as they are.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp"}


def compiled(function: Callable) -> Callable:
    """Decorate a function of numpy arrays and numbers: see `numba.njit`.

    Numba is imported by the first call, since that takes longer than a command needs to answer. Where neither the
    package's folder nor the user's cache can be written, every process compiles anew.
    """

    @functools.wraps(function)
    def call(*arguments: object) -> object:
        run = _dispatcher(function)
        try:
            return run(*arguments)
        except OSError:  # compiled, but not kept: the disk is full
            return run(*arguments)

    return call


@functools.cache
def _dispatcher(function: Callable) -> Callable:
    from numba import njit

    options = {"fastmath": _FASTMATH, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # there is no folder for the cache
        return njit(**options)(function)
