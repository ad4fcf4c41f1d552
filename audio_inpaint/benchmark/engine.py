"""Running a benchmark: tasks over processes, known results from the cache, failures told and passed over."""

import math
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from types import MappingProxyType

import torch

from audio_inpaint.benchmark import cache, fingerprints
from audio_inpaint.benchmark.cases import Case
from audio_inpaint.benchmark.restoration import measured, restore
from audio_inpaint.benchmark.results import Failure, Results, Row, kept, rebuilt
from audio_inpaint.benchmark.scoring import SCORES, score
from audio_inpaint.errors import InputError
from audio_inpaint.methods import registry as methods
from audio_inpaint.methods.device import checked_device
from audio_inpaint.processes import serve


@dataclass(frozen=True)
class Task:
    """One method on one case; the fingerprints are those of its fills and of its scores."""

    method: str
    fingerprint: str
    scored_by: str
    case: Case
    protocol: str
    scores: tuple[str, ...]
    cache: Path
    device: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a task: a row, or the reason why there is none, with a traceback if that is a bug."""

    row: Row | None
    reason: str = ""
    traceback: str = ""
    fresh: bool = True


Progress = Callable[["Tally"], None]


class Tally:
    """What is done and what is left, and how long that will take."""

    def __init__(self, tasks: Sequence[Task], workers: int):
        self.total, self.workers = len(tasks), max(1, workers)
        self.left = Counter(task.method for task in tasks)
        self.seconds: dict[str, list[float]] = {}
        self.done = self.failed = self.cached = 0
        self.latest: Task | None = None

    def add(self, task: Task, outcome: Outcome, seconds: float) -> None:
        """Count a finished task."""
        self.latest = task
        self.done += 1
        self.left[task.method] -= 1
        self.failed += outcome.row is None
        self.cached += not outcome.fresh
        if outcome.fresh:
            self.seconds.setdefault(task.method, []).append(seconds)

    @property
    def remaining(self) -> float:
        """Seconds that are left, from the mean of each method so far; not a number before anything is known."""
        means = {method: sum(own) / len(own) for method, own in self.seconds.items()}
        if not means:
            return math.nan
        usual = sum(means.values()) / len(means)
        return sum(count * means.get(method, usual) for method, count in self.left.items()) / self.workers


def run(
    method_names: Sequence[str],
    cases: Sequence[Case],
    scores: Sequence[str],
    folder: Path,
    protocol: str = "time",
    workers: int = 1,
    progress: Progress | None = None,
    part: tuple[int, int] = (0, 1),
    failed: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType({}),
    device: str | None = None,
) -> Results:
    """Restore every case by every method, and score it.

    The results are the same for any number of workers: each task runs alone in a process with one thread.

    Args:
        method_names: as `methods.names` has them, or checkpoint files; the first one is the reference.
        cases: what to restore.
        scores: names, of `scoring.BY_PROTOCOL`.
        folder: cache of restored samples and scores.
        protocol: `time` or `columns`.
        workers: processes.
        progress: called whenever a task ends.
        part: this process's share of the cases, (rank, ranks).
        failed: (method, case) -> reason and traceback, of what another process has tried.
        device: where methods compute that can compute on a GPU.

    Raises:
        InputError: a method, the device or a score's package is missing.
    """
    _check(scores)
    device = checked_device(device)
    rank, ranks = part
    elsewhere = "" if device in (None, "cpu") else f" {device.split(':')[0]}"  # whose sums differ in the last bits
    known = {name: fingerprints.of_fills(name) + elsewhere for name in method_names}
    scored_by = fingerprints.of_scores()
    tasks = [
        Task(m, known[m], scored_by, case, protocol, tuple(scores), folder, device)
        for case in cases[rank::ranks]
        for m in known
    ]
    given = {task: Outcome(None, *why) for task in tasks if (why := failed.get((task.method, task.case.name)))}
    tally = Tally(tasks, workers)
    outcomes: dict[Task, Outcome] = {}

    def finish(task: Task, outcome: Outcome, seconds: float = 0.0) -> None:
        outcomes[task] = outcome
        tally.add(task, outcome, seconds)
        if progress is not None:
            progress(tally)

    for task in tasks:
        if known_outcome := given.get(task) or _known(task):
            finish(task, known_outcome)
    _compute([task for task in tasks if task not in outcomes], workers, finish)
    rows = [outcomes[task].row for task in tasks if outcomes[task].row]
    failures = [
        Failure(task.method, task.case, outcome.reason, outcome.traceback)
        for task in tasks
        if not (outcome := outcomes[task]).row
    ]
    return Results(protocol, tuple(known), tuple(scores), rows, failures, folder)


def _check(scores: Sequence[str]) -> None:
    """Score silence: what a score needs and is not installed is told before hours of work."""
    nothing = torch.zeros(1, 16000, dtype=torch.float64)
    gap = torch.arange(16000) // 1000 == 5
    for name in scores:
        SCORES[name].function(nothing, nothing, nothing, gap, 16000)


def _known(task: Task) -> Outcome | None:
    """What the cache has of a task, if it has all of it."""
    try:
        name = cache.key(task.fingerprint, task.protocol, task.case.identity)
    except OSError:  # the recording is gone, which the worker tells
        return None
    entry = cache.load(task.cache, name)
    if entry is None or any(score not in entry.current(task.scored_by) for score in task.scores):
        return None
    return Outcome(_row(task, entry, name), fresh=False)


def _row(task: Task, entry: cache.Entry, name: str) -> Row:
    scores = {score: entry.scores[score] for score in task.scores}
    return Row(task.method, task.case, scores, entry.seconds, entry.memory_mb, name)


def _compute(tasks: Sequence[Task], workers: int, finish: Callable) -> None:
    # A process that dies takes all that wait with it: they go on in a new pool, those that were running one by one.
    suspects = _pooled(tasks, workers, finish)
    while suspects:
        running, waiting = suspects
        for task in running:
            if _pooled([task], 1, finish):
                finish(task, Outcome(None, "its process died: the memory was too small, most likely"), 0.0)
        suspects = _pooled(waiting, workers, finish)


def _pooled(tasks: Sequence[Task], workers: int, finish: Callable) -> tuple[list[Task], list[Task]] | None:
    """Work tasks off; None when all are done, else those that ran and those that waited when a process died."""
    if not tasks:
        return None
    queue, running = list(reversed(tasks)), {}
    registered = methods.packed({task.method for task in tasks})
    pool = ProcessPoolExecutor(min(workers, len(tasks)), _processes(), _prepare, (registered,))
    try:
        while queue or running:
            while queue and len(running) < workers:
                future = pool.submit(_work, queue[-1])
                running[future] = queue.pop(), time.perf_counter()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                task, began = running.pop(future)
                finish(task, outcome, time.perf_counter() - began)
    except BrokenProcessPool:
        return [task for task, _ in running.values()], list(reversed(queue))
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return None


def _processes() -> BaseContext:
    """Processes of one kind, whatever this one has done: a server, where there is one, imports torch once for all."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _prepare(registered: bytes) -> None:
    """A worker's one thread: results must not depend on how many there are, and workers not fight for cores.

    What methods say of their progress would run through the bar of all; what goes wrong comes back as a reason.
    """
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    serve()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    methods.unpacked(registered)


_method = lru_cache(8)(methods.method)


def _work(task: Task) -> Outcome:
    """Restore and score, or read from the cache; nothing that goes wrong with one task stops the others."""
    try:
        truth, rate = task.case.recording.audio()
        name = cache.key(task.fingerprint, task.protocol, task.case.identity)
        entry = cache.load(task.cache, name)
        fresh = entry is None
        if fresh:
            restorer = _method(task.method)
            with measured() as cost:
                restored = restore(restorer, truth, task.case.mask.gaps, rate, task.protocol, task.device)
            if not restored.isfinite().all():
                raise InputError("the method gave samples that are no numbers")
            entry = cache.Entry(kept(restored, task.case, task.protocol), cost[0].seconds, cost[0].memory_mb)
        known = entry.current(task.scored_by)
        missing = [score for score in task.scores if score not in known]
        if missing:
            restored = rebuilt(truth, task.case, entry.samples, task.protocol)
            entry.scores, entry.scored_by = known | score(missing, restored, truth, task.case, rate), task.scored_by
        if fresh or missing:
            cache.save(task.cache, name, entry)
        return Outcome(_row(task, entry, name), fresh=fresh)
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())[:300]
        if isinstance(error, InputError):
            return Outcome(None, said)
        kind = type(error).__name__
        return Outcome(None, f"{kind}: {said}" if said else kind, "".join(traceback.format_exception(error)))
