"""Trains the tiny context encoder in the processes that torchrun starts; prints what each waits for, step by step.

DDP averages gradients below torch.distributed's functions, so that its own reductions are not counted.
"""

import json
import sys
from collections import Counter

import torch.distributed as distributed
from tone_shards import arguments, main

from audio_inpaint.training.models.context_encoder import ContextEncoder

COLLECTIVES = ("all_reduce", "barrier", "monitored_barrier", "broadcast", "broadcast_object_list", "all_gather")
COLLECTIVES += ("all_gather_object", "all_gather_into_tensor", "gather_object", "reduce", "gather", "scatter")

step, waits = None, {}


def counted(name):
    function = getattr(distributed, name)

    def call(*args, **kwargs):
        if step is not None:
            waits.setdefault(step, Counter())[name] += 1
        return function(*args, **kwargs)

    for module in (distributed, distributed.distributed_c10d):
        setattr(module, name, call)


class Counted(ContextEncoder):
    """Tells the step in which a process waits; the setting up before the first one is left out."""

    def on_train_batch_start(self, *_):
        global step
        step = self.global_step


if __name__ == "__main__":
    for name in COLLECTIVES:
        counted(name)
    ContextEncoder.on_train_batch_start = Counted.on_train_batch_start
    code = main(arguments("fit", *sys.argv[1:]))
    if distributed.get_rank() == 0:
        print(json.dumps(waits))
    sys.exit(code)
