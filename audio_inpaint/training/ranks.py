"""Several processes that share work: which of them this is, and what all of them found, told to the first."""

import itertools
import json
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from lightning.pytorch.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch.strategies import Strategy
from torch.distributed import Store
from torch.distributed.rendezvous import rendezvous

from audio_inpaint.errors import InputError

_MEETING, _WORK = timedelta(minutes=10), timedelta(days=365)


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
        InputError: the processes do not fit the configuration.
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
            return environment
        return next((kind() for kind in (TorchElasticEnvironment, SLURMEnvironment) if kind.detect()), None)
    except (ValueError, RuntimeError) as error:
        raise InputError(str(error)) from error


def _gather(environment: ClusterEnvironment, work: Callable[[int, int], list], everyone: bool) -> list:
    rank, ranks = environment.global_rank(), environment.world_size()
    if ranks == 1:
        return work(0, 1)
    store, meeting = _store(environment.main_address, environment.main_port, rank, ranks), next(_meetings)
    store.set(f"audio_inpaint/{meeting}/{rank}", json.dumps(work(rank, ranks)))
    if rank and not everyone:
        return []
    keys = [f"audio_inpaint/{meeting}/{other}" for other in range(ranks)]
    store.wait(keys, _WORK)
    found = [item for key in keys for item in json.loads(store.get(key))]
    read = f"audio_inpaint/{meeting}/read"
    store.add(read, 1)
    while everyone and rank == 0 and store.add(read, 0) < ranks:  # the first rank holds the store
        time.sleep(0.05)
    return found


@cache
def _store(address: str, port: int, rank: int, ranks: int) -> Store:
    return next(rendezvous(f"tcp://{address}:{port}", rank, ranks, timeout=_MEETING))[0]
