"""Several processes that share work: which of them this is, and what all of them found, told to the first."""

import contextlib
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache

from lightning.pytorch.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch.strategies import Strategy
from torch.distributed import DistError, PrefixStore, Store, TCPStore

from audio_inpaint.errors import InputError

_PATIENCE, _MEETING, _WORK = timedelta(seconds=10), timedelta(minutes=10), timedelta(days=365)
_meetings = itertools.count()


def share(strategy: Strategy | None, work: Callable[[int, int], list], everyone: bool = False) -> list:
    """Run `work(rank, ranks)` in each process of a Lightning strategy, or of torchrun or SLURM around it.

    No process waits for another while it works; those that are told what was found wait at the end.

    Args:
        strategy: of the trainer; one that launches processes does so. None where there is no trainer.
        work: returns a list of what JSON can hold.
        everyone: whether all ranks are told what was found, or the first alone.

    Returns:
        The lists of all ranks, joined; an empty one for those that are not told.

    Raises:
        InputError: the processes do not fit the configuration, or some of them do not come, or end too early.
    """
    environment, launcher = _environment(strategy), getattr(strategy, "launcher", None)
    if environment is None:
        return work(0, 1)
    if launcher is None:
        return _gather(environment, work, everyone)
    try:
        return launcher.launch(lambda: _gather(environment, work, everyone))
    except BaseException:
        launcher.kill(signal.SIGTERM)  # nobody waits for the processes that it started
        raise


def rank() -> int:
    """Which of the processes that torchrun or SLURM started this is, from 0."""
    environment = _environment(None)
    return environment.global_rank() if environment else 0


def _environment(strategy: Strategy | None) -> ClusterEnvironment | None:
    """What started the processes; a strategy for one device does not ask."""
    try:
        environment = getattr(strategy, "cluster_environment", None)
        if environment is not None:
            environment.validate_settings(strategy.num_processes, strategy.num_nodes)
        else:
            kinds = TorchElasticEnvironment, SLURMEnvironment
            environment = next((kind() for kind in kinds if kind.detect()), None)
    except (ValueError, RuntimeError) as error:
        raise InputError(str(error)) from error
    tasks = os.environ.get("SLURM_NTASKS", "1")
    if (
        isinstance(environment, SLURMEnvironment)
        and tasks != "1"
        and not {"SLURM_STEP_ID", "SLURM_STEPID"} & {*os.environ}
    ):
        raise InputError(
            f"this job has {tasks} tasks, but this process was not started by srun and would wait for the others in "
            "vain: put srun before the command, or srun --ntasks=1 for one process alone"
        )
    return environment


def _gather(environment: ClusterEnvironment, work: Callable[[int, int], list], everyone: bool) -> list:
    rank, ranks = environment.global_rank(), environment.world_size()
    if ranks == 1:
        return work(0, 1)
    try:
        return _exchange(
            _store(environment.main_address, environment.main_port, rank, ranks), rank, ranks, work, everyone
        )
    except DistError as error:
        raise InputError(f"process {rank} of {ranks} lost process 0, which has ended or failed") from error


def _exchange(store: Store, rank: int, ranks: int, work: Callable[[int, int], list], everyone: bool) -> list:
    meeting = next(_meetings)
    store.set(f"{meeting}/{rank}", json.dumps(work(rank, ranks)))
    if rank and not everyone:
        return []
    keys = [f"{meeting}/{other}" for other in range(ranks)]
    store.wait(keys, _WORK)
    found = [item for key in keys for item in json.loads(store.get(key))]
    read = f"{meeting}/read"
    store.add(read, 1)
    while everyone and rank == 0 and store.add(read, 0) < ranks:  # the first rank holds the store
        time.sleep(0.05)
    return found


@cache
def _store(address: str, port: int, rank: int, ranks: int) -> Store:
    """Meet the other processes; torchrun itself holds the store, and process 0 without it."""
    held = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    begun, place = time.monotonic(), f"{address}:{port}"
    try:
        with _patient(lambda: f"process {rank} of {ranks} waits for process 0 at {place}"):
            store = TCPStore(address, port, ranks, rank == 0 and not held, _MEETING, False, multi_tenant=True)
    except DistError as error:
        raise InputError(f"process {rank} of {ranks} did not find process 0 at {place} within {_minutes()}") from error
    store = PrefixStore(f"audio_inpaint/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    store.set(f"here/{rank}", "")

    def missing() -> str:
        others = [str(other) for other in range(ranks) if not store.check([f"here/{other}"])]
        named = ", ".join(others[:8]) + (f" and {len(others) - 8} more" if others[8:] else "")
        return named and f"process{'es' if others[1:] else ''} {named} of {ranks}"

    with _patient(lambda: f"waiting for {missing()} at {place}") if rank == 0 else contextlib.nullcontext():
        while rank == 0 and missing():
            if time.monotonic() - begun > _MEETING.total_seconds():
                raise InputError(f"{missing()} did not come to {place} within {_minutes()}: were all of them started?")
            time.sleep(0.05)
    return store


@contextlib.contextmanager
def _patient(what: Callable[[], str]) -> Iterator[None]:
    """Say what is waited for, and for how long, where that takes more than moments."""

    def say() -> None:
        print(f"audio_inpaint: {what()}; gives up after {_minutes()}", file=sys.stderr, flush=True)

    timer = threading.Timer(_PATIENCE.total_seconds(), say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _minutes() -> str:
    return f"{_MEETING.total_seconds() / 60:g} minutes"
