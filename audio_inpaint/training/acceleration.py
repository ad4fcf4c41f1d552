"""What makes a network faster at the price of a few bits, or of a minute at the start, in one option.

    --trainer.callbacks+=audio_inpaint.training.acceleration.Accelerate

Two more come without it: networks lie channels-last in memory, and `precision: null` is bfloat16 where the device
computes in it.
"""

import lightning
import torch


class Accelerate(lightning.Callback):
    """Compute in TensorFloat-32 where a GPU has it, and compile the network of a model, its attribute `net`.

    Args:
        compiled: by torch.compile: the first steps take a minute or so, and a processor needs a C++ compiler for it.
        backend: of torch.compile.
    """

    def __init__(self, compiled: bool = True, backend: str = "inductor"):
        self.compiled, self.backend = compiled, backend
        self._before = "highest"

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Begin; weights keep their names, so that checkpoints are those of a training without this."""
        self._before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        if self.compiled and pl_module.net._compiled_call_impl is None:
            pl_module.net.compile(backend=self.backend)

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """End."""
        torch.set_float32_matmul_precision(self._before)
