"""Work spread over processor cores, its results in the order of its items."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from audio_inpaint.errors import InputError
from audio_inpaint.processes import serve

Item, Result = TypeVar("Item"), TypeVar("Result")
AHEAD = 4  # items a worker may be ahead of the reader of the results: bounds memory, evens out long items


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield function(item) for each item in order, `items` being read only a little ahead.

    Raises:
        InputError: the system ended a worker.
    """
    if workers == 1:
        yield from map(function, items)
        return
    waiting = deque()
    with ProcessPoolExecutor(workers, initializer=_start_worker) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise InputError(
                "the system ended a worker process, most likely for lack of memory: run again with fewer --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    serve()
    # libmpg123 and the like tell standard error about each broken file, across the progress bar; the results tell too.
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
