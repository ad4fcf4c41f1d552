"""Several processes that share work: which of them this is, and what all of them found, told to the first."""

import json
import signal
from collections.abc import Callable
from datetime import timedelta

from lightning.pytorch.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch.strategies import Strategy
from torch.distributed.rendezvous import rendezvous

from audio_inpaint.errors import InputError

_MEETING, _WORK = timedelta(minutes=10), timedelta(days=365)


def share(strategy: Strategy, work: Callable[[int, int], list]) -> list:
    """Run `work(rank, ranks)` in each process of a Lightning strategy, or of torchrun or SLURM around it.

    No process waits for another while it works; the first one waits at the end.

    Args:
        strategy: of the trainer; one that launches processes does so.
        work: returns a list of what JSON can hold.

    Returns:
        The lists of all ranks, joined, on the first rank; an empty one on the others.

    Raises:
        InputError: the processes do not fit the configuration.
    """
    environment, launcher = _environment(strategy), strategy.launcher
    if environment is None:
        return work(0, 1)
    if launcher is None:
        return _gather(environment, work)
    try:
        return launcher.launch(lambda: _gather(environment, work))
    except BaseException:
        launcher.kill(signal.SIGTERM)  # nobody waits for the processes that it started
        raise


def _environment(strategy: Strategy) -> ClusterEnvironment | None:
    """What started the processes; a strategy for one device does not ask."""
    try:
        environment = getattr(strategy, "cluster_environment", None)
        if environment is not None:
            environment.validate_settings(strategy.num_processes, strategy.num_nodes)
            return environment
        return next((kind() for kind in (TorchElasticEnvironment, SLURMEnvironment) if kind.detect()), None)
    except (ValueError, RuntimeError) as error:
        raise InputError(str(error)) from error


def _gather(environment: ClusterEnvironment, work: Callable[[int, int], list]) -> list:
    rank, ranks = environment.global_rank(), environment.world_size()
    if ranks == 1:
        return work(0, 1)
    url = f"tcp://{environment.main_address}:{environment.main_port}"
    store, *_ = next(rendezvous(url, rank, ranks, timeout=_MEETING))
    store.set(f"audio_inpaint/{rank}", json.dumps(work(rank, ranks)))
    if rank:
        return []
    keys = [f"audio_inpaint/{other}" for other in range(ranks)]
    store.wait(keys, _WORK)
    return [item for key in keys for item in json.loads(store.get(key))]
