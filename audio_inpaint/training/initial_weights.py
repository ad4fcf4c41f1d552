"""Weights from a checkpoint: those that a training begins with, and whether they fit a network at all."""

import re
from collections.abc import Sequence
from pathlib import Path

import lightning
import torch

from audio_inpaint.errors import InputError
from audio_inpaint.nn import checkpoints
from audio_inpaint.training.identity import differences, flat

_VERSION = "pytorch-lightning_version"
# What Lightning reads of a checkpoint that it goes on from.
_WHOLE = {
    _VERSION: str, "epoch": int, "global_step": int, "loops": dict, "callbacks": dict, "optimizer_states": list,
    "lr_schedulers": list,
}  # fmt: skip


def begin_with(model: lightning.LightningModule, name: str) -> None:
    """Give a model the weights of a checkpoint and nothing else of it.

    Args:
        model: which keeps its settings, a new optimizer and step 0.
        name: of a checkpoint of `fit`, of a file that `audio-inpaint ship` wrote, or of a shipped network.

    Raises:
        InputError: it cannot be read, or does not fit.
    """
    path = checkpoints.find(name)
    if path is None:
        raise InputError(f"there is no network {name!r}: name a .ckpt or .pt file, or one that `models` lists")
    content = checkpoints.read(path)
    check_fit(model, content, path, aside=getattr(model, "for_training_alone", ()))
    model.load_state_dict(content["state_dict"], strict=False)  # all but the parts for training alone are there


def check_fit(
    model: lightning.LightningModule, content: dict, path: Path, whole: bool = False, aside: Sequence[str] = ()
) -> None:
    """Refuse a checkpoint whose weights are not those of a model's network, or no numbers.

    Args:
        model: that would take them.
        content: of the checkpoint.
        path: of the checkpoint, for the message.
        whole: `check_whole` too.
        aside: beginnings of the names of weights that may be missing.

    Raises:
        InputError: names the settings that differ, or else the first weights.
    """
    weights = checkpoints.weights(content, path)
    there = {name: list(weight.shape) for name, weight in weights.items()}
    here = {name: list(weight.shape) for name, weight in model.state_dict().items()}
    missing = {name for name in here.keys() - there if name.startswith(tuple(aside))}
    if there == {name: shape for name, shape in here.items() if name not in missing}:
        for name, weight in weights.items():
            if not bool(torch.isfinite(weight).all()):
                raise InputError(f"the weights {name} of {path} are NaN or infinite: take an earlier checkpoint")
        if whole:
            check_whole(content, path)
        return
    settings = content.get("hyper_parameters")
    settings, own = flat(settings if isinstance(settings, dict) else {}), flat(dict(model.hparams))
    deciding = [key for key in own if key in settings and key.split(".")[0] in ("net", *checkpoints.SIZES)]
    unlike = differences({key: settings[key] for key in deciding}, {key: own[key] for key in deciding})
    raise InputError(f"the weights of {path} do not fit the network: {unlike or differences(there, here)}")


def check_whole(content: dict, path: Path) -> None:
    """Refuse a checkpoint that Lightning cannot go on from, nor evaluate: a damaged one, or weights alone.

    Args:
        content: of the checkpoint.
        path: of the checkpoint, for the message.

    Raises:
        InputError: names what is missing or of another kind.
    """
    wrong = [name for name, kind in _WHOLE.items() if not isinstance(content.get(name), kind)]
    if not wrong:
        lists = ("optimizer_states", "lr_schedulers")
        wrong = [name for name in lists if not all(isinstance(one, dict) for one in content[name])]
        wrong += ["loops"] * ("fit_loop" not in content["loops"])
        wrong += [_VERSION] * (re.match(r"\d+\.\d+", content[_VERSION]) is None)
    if wrong:
        raise InputError(f"{path} is damaged, or no checkpoint of `fit`: its {wrong[0]} is missing or of another kind")
