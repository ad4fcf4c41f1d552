"""The plain fit of a deep prior to one signal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.methods.deep_prior.prior import Prior
from audio_inpaint.methods.deep_prior.signal import Signal

# called after each step with their number, the loss and its terms (as `Prior.step` has them), and what restores
Each = Callable[[int, dict[str, Tensor], Callable[[], Tensor]], None]


class Fit:
    """A fit that can be interrupted and continued.

    Args:
        prior: has taken the signal.
        signal: fitted where its audio is.
        steps: most of them.
        mixed: compute the network in bfloat16.

    Attributes:
        done: steps so far.
        ended: whether no step is left, or the fit is good enough.
    """

    def __init__(self, prior: Prior, signal: Signal, steps: int, mixed: bool = False):
        self.device = signal.audio.device
        self.prior, self.signal, self.steps, self.mixed = prior.to(self.device), signal, steps, mixed
        self.optimizer = prior.optimizer()
        self.done, self.ended = 0, steps < 1

    def run(self, each: Each | None = None) -> Tensor:
        """Do the steps that are left, and return the whole output of the network, (channel, time) float32.

        Args:
            each: called after each step.

        Raises:
            InputError: the fit diverged.
        """
        while not self.ended:
            terms = self._step()
            if each is not None:
                each(self.done, terms, self.restored)
        output = self.restored()
        if not bool(output.isfinite().all()):
            raise InputError("the fit diverged at its last step: choose a lower learning rate, or another method")
        return output

    def _step(self) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            terms, enough = self.prior.step(self.done, self.signal)
        self.optimizer.zero_grad()
        terms["total"].backward()
        self.optimizer.step()
        self.done += 1
        self.ended = enough or self.done >= self.steps
        return {name: value.detach() for name, value in terms.items()}

    def restored(self) -> Tensor:
        """Return what the fit makes of the signal so far, (channel, time)."""
        return self.prior.restored(self.signal)

    def state(self) -> dict:
        """Return what `resume` goes on from."""
        return {
            "done": self.done,
            "ended": self.ended,
            "weights": self.prior.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": (self.prior.average, self.prior.averaged),
        }

    def resume(self, state: dict) -> None:
        """Go on from the state of a fit of the same prior to the same signal."""
        self.done, self.ended = state["done"], state["ended"]
        self.prior.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.prior.average, self.prior.averaged = state["average"]
