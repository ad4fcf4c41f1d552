"""How a benchmark is run, whatever is in it: where results go, how many processes, what is shown meanwhile."""

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from tqdm import tqdm

from audio_inpaint import __version__
from audio_inpaint.benchmark.cases import Case
from audio_inpaint.benchmark.engine import Tally, run
from audio_inpaint.benchmark.results import Results

_OFTEN = 30.0  # seconds from one line to the next, where no bar can be drawn


@dataclass(frozen=True)
class Setting:
    """Where and how a benchmark runs.

    Args:
        folder: of tables, figures and the report.
        cache: of restored samples, shared by benchmarks and by nodes.
        workers: processes.
        seed: of everything that is drawn.
        quick: whether a preset takes its form that ends in minutes on two cores.
        sources: folders of clean audio, as `sources.recordings` takes them; none for a preset's own choice.
        command: the command line.
        device: where methods compute that can compute on a GPU; None for the processor.
        methods: that a preset compares beside its own.
    """

    folder: Path
    cache: Path
    workers: int = 1
    seed: int = 0
    quick: bool = False
    sources: tuple[str, ...] = ()
    command: str = ""
    device: str | None = None
    methods: tuple[str, ...] = ()

    def into(self, folder: Path) -> "Setting":
        """The same, with tables and figures in another folder."""
        return replace(self, folder=folder)

    def benchmark(
        self, methods: Sequence[str], cases: Sequence[Case], scores: Sequence[str], protocol: str = "time"
    ) -> Results:
        """Run methods on cases, shared with the other processes of torchrun or SLURM, and show how far it is.

        Raises:
            InputError: a method or a score's package is missing.
        """

        def part(rank: int, ranks: int) -> list:
            with _Bar(rank, ranks) as bar:
                own = run(
                    methods, cases, scores, self.cache, protocol, self.workers, bar, (rank, ranks), device=self.device
                )
            results.append(own)
            return [[one.method, one.case.name, one.reason, one.traceback] for one in own.failures]

        results: list[Results] = []
        failed = shared(part)
        whole = results[0]
        if len(whole.rows) + len(whole.failures) < len(cases) * len(whole.methods):
            # what the other processes restored is in the cache now
            known = {(method, name): (reason, trace) for method, name, reason, trace in failed}
            whole = run(methods, cases, scores, self.cache, protocol, self.workers, failed=known, device=self.device)
        whole.details.update(self.details(whole, cases))
        return whole

    def details(self, results: Results, cases: Sequence[Case]) -> dict[str, str]:
        """What it takes to repeat the work."""
        import torch

        return {
            "command": self.command,
            "protocol": results.protocol,
            "seed": str(self.seed),
            "cases": f"{len(cases)} in {len({case.recording.name for case in cases})} recordings",
            "methods": ", ".join(results.methods),
            "versions": f"audio_inpaint {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
            "machine": f"{_processor()}, {os.cpu_count()} cores, {self.workers} at work, a thread each",
        }


def shared(work: Callable[[int, int], list]) -> list:
    """`ranks.share` where torchrun or SLURM started this process; Lightning is not imported elsewhere."""
    if not several():
        return work(0, 1)
    from audio_inpaint.training.ranks import share

    return share(None, work, everyone=True)


def several() -> bool:
    """Whether torchrun or SLURM started this process, perhaps among others."""
    return bool({"TORCHELASTIC_RUN_ID", "SLURM_NTASKS"} & os.environ.keys())


def first() -> bool:
    """Whether this is the process that writes the results."""
    if not several():
        return True
    from audio_inpaint.training.ranks import rank

    return rank() == 0


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


class _Bar:
    """A bar over all tasks with what is left, or a line now and then where standard error is no terminal."""

    def __init__(self, rank: int, ranks: int):
        self.name = f"benchmark {rank + 1} of {ranks}" if ranks > 1 else "benchmark"
        self.bar: tqdm | None = None
        self.shown = time.monotonic()

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, tally: Tally) -> None:
        """Show the state of the work."""
        if sys.stderr.isatty():
            if self.bar is None:
                form = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt}, {postfix}"
                self.bar = tqdm(total=tally.total, desc=self.name, bar_format=form, dynamic_ncols=True)
            self.bar.set_postfix_str(self._state(tally), refresh=False)
            self.bar.update(tally.done - self.bar.n)
        elif time.monotonic() - self.shown >= _OFTEN or tally.done == tally.total:
            self.shown = time.monotonic()
            print(f"{self.name}: {tally.done} of {tally.total}, {self._state(tally)}", file=sys.stderr, flush=True)

    def _state(self, tally: Tally) -> str:
        left = tally.remaining
        parts = [f"about {timedelta(seconds=round(left))} left" if left > 0.5 else ""]
        parts += [f"{tally.cached} known" if tally.cached else "", f"{tally.failed} failed" if tally.failed else ""]
        if tally.latest is not None:
            parts.append(f"{tally.latest.method}, {tally.latest.case.recording.name}")
        return ", ".join(part for part in parts if part)
