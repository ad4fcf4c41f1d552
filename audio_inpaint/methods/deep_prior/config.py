"""What the config file of a deep prior says of a fit; training by Lightning reads the same files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.files.configs import load
from audio_inpaint.methods.contract import LONGEST
from audio_inpaint.methods.deep_prior.fit import Each, Fit
from audio_inpaint.methods.deep_prior.prior import Prior
from audio_inpaint.methods.deep_prior.signal import Signal, damaged_signal
from audio_inpaint.nn.factory import factory
from audio_inpaint.nn.precision import has_bfloat16

_MIXED = {"bf16-mixed": True, "32-true": False, "32": False, 32: False}


@dataclass(frozen=True)
class Config:
    """A fit's configuration.

    Attributes:
        prior: arguments of `Prior`, without the network.
        net: the network: its `class_path` and `init_args`.
        steps: most steps of a fit.
        seed: of the network's weights.
        precision: "bf16-mixed", "32-true", or None for the first where the machine computes in it.
        data: `form`, `withheld_stretches` and `seed` of `damaged_signal`.
        context: seconds of audio around the gaps that are fitted.
        longest: seconds from the first to the last gap of one fit.
        seeds: fits from different noise, whose outputs are averaged.
    """

    prior: dict[str, Any]
    net: dict[str, Any]
    steps: int
    seed: int = 0
    precision: str | None = None
    data: dict[str, Any] | None = None
    context: float = math.inf
    longest: float = LONGEST
    seeds: int = 1

    @classmethod
    def load(cls, name: str) -> Config:
        """Read a config by its name, as `presets` has it, or by its file.

        Raises:
            InputError: there is no such file, or it is no deep prior's.
        """
        content = load(name)
        try:
            prior = dict(content["model"]["init_args"])
            net, trainer = prior.pop("net"), content["trainer"]
            data = dict(content.get("data", {}).get("init_args", {}))
            data.pop("validate_every", None)
            rest = {key: content[key] for key in ("context", "longest", "seeds") if key in content}
            seed = int(content.get("seed_everything") or 0)
            return cls(prior, net, trainer["max_steps"], seed, trainer.get("precision"), data, **rest)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(f"{name} is no config of a deep prior ({' '.join(str(error).split())[:100]})") from error

    def changed(self, **options: Any) -> Config:
        """Return the config with other values: fields of it, arguments of `Prior`, or `net` arguments as a dict."""
        known = {field.name for field in fields(self)} - {"prior", "net", "data"}
        own = {name: value for name, value in options.items() if name in known}
        prior = {name: value for name, value in options.items() if name not in known and name != "net"}
        arguments = {**self.net.get("init_args", {}), **options.get("net", {})}
        net = {**self.net, "init_args": arguments}
        return replace(self, **own, prior={**self.prior, **prior}, net=net)

    def signal(self, audio: Tensor, gap: Tensor, sample_rate: int, truth: Tensor | None = None, **data: Any) -> Signal:
        """Make the signal of a fit, as `damaged_signal` does."""
        return damaged_signal(audio, gap, sample_rate, truth, **{**(self.data or {}), **data})

    def fit(self, signal: Signal, number: int = 0) -> Fit:
        """Prepare a fit.

        Args:
            signal: is fitted where its audio is.
            number: added to the seeds of weights and noise.

        Raises:
            InputError: the config names something that does not exist.
        """
        seed = int(self.prior.get("seed", 0)) + number
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed + number)  # all weights are drawn there
            try:
                prior = Prior(factory(self.net)(), **{**self.prior, "seed": seed})
                prior.take(signal.to("cpu"))
            except (TypeError, ValueError, KeyError, AttributeError, ImportError) as error:
                raise InputError(f"the config cannot be used: {' '.join(str(error).split())}") from error
        return Fit(prior, signal, self.steps, self.mixed(signal.audio.device))

    def mixed(self, device: torch.device) -> bool:
        """Whether a fit on a device computes in bfloat16."""
        if self.precision is None:
            return has_bfloat16(device.type)
        if self.precision not in _MIXED:
            raise InputError(f"a deep prior's precision is bf16-mixed, 32-true or null, not {self.precision}")
        return _MIXED[self.precision]

    def restored(self, signal: Signal, shown: Callable[[int], Each] | None = None) -> Tensor:
        """Fit from every seed, and return the mean of the outputs, (channel, time) float32.

        Args:
            signal: is fitted where its audio is.
            shown: `shown(number)` gives what is called after each step of a fit.

        Raises:
            InputError: a fit diverged.
        """
        outputs = [self.fit(signal, n).run(shown(n) if shown else None) for n in range(self.seeds)]
        return torch.stack(outputs).mean(0)
