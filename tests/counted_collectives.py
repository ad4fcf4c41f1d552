"""Counts what each step of a training waits for.

DDP averages gradients below torch.distributed's functions, so that its own reductions are not counted.
"""

import json
from collections import Counter

import torch.distributed as distributed

from audio_inpaint.training.models.context_encoder import ContextEncoder

COLLECTIVES = ("all_reduce", "barrier", "monitored_barrier", "broadcast", "broadcast_object_list", "all_gather")
COLLECTIVES += ("all_gather_object", "all_gather_into_tensor", "gather_object", "reduce", "gather", "scatter")


def count_collectives():
    """Let this process print what a training of a context encoder waits for, step by step, when it ends."""
    step, waits = None, {}

    def counted(name):
        function = getattr(distributed, name)

        def call(*args, **kwargs):
            if step is not None:
                waits.setdefault(step, Counter())[name] += 1
            return function(*args, **kwargs)

        for module in (distributed, distributed.distributed_c10d):
            setattr(module, name, call)

    def begin(model, *_):
        nonlocal step  # the setting up before the first one is left out
        step = model.global_step

    for name in COLLECTIVES:
        counted(name)
    ContextEncoder.on_train_batch_start = begin
    ContextEncoder.on_fit_end = lambda model: print(json.dumps(waits))
