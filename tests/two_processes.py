"""Run a piece of work in two gloo processes."""

import torch
import torch.distributed
import torch.multiprocessing


def in_two_processes(work, folder):
    """What `work(rank)` returns in each of two processes that know of each other."""
    with torch.multiprocessing.Manager() as manager:
        results = manager.dict()
        torch.multiprocessing.start_processes(
            _process, (work, f"file://{folder}/rendezvous", results), nprocs=2, start_method="fork"
        )
        return [results[rank] for rank in range(2)]


def _process(rank, work, place, results):
    torch.set_num_threads(1)  # the threads of the parent do not come along
    torch.distributed.init_process_group("gloo", init_method=place, rank=rank, world_size=2)
    results[rank] = work(rank)
    torch.distributed.destroy_process_group()
