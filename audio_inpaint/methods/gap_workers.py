"""The gaps of a recording over all cores: each is restored by itself, so that no bit depends on how many there are."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import current_process, get_context

import torch

from audio_inpaint.methods.progress import advanced
from audio_inpaint.processes import serve

_work: Callable | None = None  # what this process was started for


@contextmanager
def one_thread() -> Iterator[int]:
    """Let torch use one thread, since sums over several are rounded otherwise, and give the number that it had."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def on_cores(work: Callable, items: Sequence, cores: int) -> list:
    """Do some work for each item in as many processes as there are cores, and return the results in order.

    Processes, since much of the work holds Python's lock: four threads spent up to 2.7 times the processor time of one.
    They are forked, so they share the recording's memory and import nothing anew. Where a system cannot do that safely,
    which is everywhere but on Linux, all is done here.

    Args:
        work: what can be called with an item, and gives what can be pickled. It may hold anything.
        items: what can be pickled.
        cores: processes, at most.
    """
    if min(cores, len(items)) < 2 or sys.platform != "linux" or current_process().daemon:
        return _followed(map(work, items), len(items))
    pool = ProcessPoolExecutor(min(cores, len(items)), get_context("fork"), _begin, (work,))
    try:
        return _followed(pool.map(_do, items), len(items))
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _followed(results: Iterable, total: int) -> list:
    """Collect results, and say how many of them there are."""
    done = []
    for result in results:
        done.append(result)
        advanced(len(done) / total)
    return done


def _begin(work: Callable) -> None:
    global _work
    serve()
    torch.set_num_threads(1)
    _work = work


def _do(item: object) -> object:
    return _work(item)
