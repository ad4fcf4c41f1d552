"""Weights from a checkpoint: those that a training begins with, and whether they fit a network at all."""

from collections.abc import Sequence
from pathlib import Path

import lightning

from audio_inpaint.errors import InputError
from audio_inpaint.nn import checkpoints
from audio_inpaint.training.identity import differences, flat


def begin_with(model: lightning.LightningModule, name: str) -> None:
    """Give a model the weights of a checkpoint and nothing else of it.

    Args:
        model: which keeps its settings, a new optimizer and step 0.
        name: of a checkpoint of `fit`, of a file that `audio-inpaint ship` wrote, or of a shipped network.

    Raises:
        InputError: it cannot be read, or does not fit.
    """
    path = checkpoints.find(name) or Path(name)
    content = checkpoints.read(path)
    check_fit(model, content, path, getattr(model, "for_training_alone", ()))
    model.load_state_dict(content["state_dict"], strict=False)  # all but the parts for training alone are there


def check_fit(model: lightning.LightningModule, content: dict, path: Path, aside: Sequence[str] = ()) -> None:
    """Refuse a checkpoint whose weights are not those of a model's network.

    Args:
        model: that would take them.
        content: of the checkpoint.
        path: of the checkpoint, for the message.
        aside: beginnings of the names of weights that may be missing.

    Raises:
        InputError: names the settings that differ, or else the first weights.
    """
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(weights, dict):
        raise InputError(f"{path} is no checkpoint of a training: it has no state_dict")
    there = {name: list(weight.shape) for name, weight in weights.items()}
    here = {name: list(weight.shape) for name, weight in model.state_dict().items()}
    missing = {name for name in here.keys() - there if name.startswith(tuple(aside))}
    if there == {name: shape for name, shape in here.items() if name not in missing}:
        return
    settings, own = flat(content.get("hyper_parameters") or {}), flat(dict(model.hparams))
    deciding = [key for key in own if key in settings and key.split(".")[0] in ("net", *checkpoints.SIZES)]
    unlike = differences({key: settings[key] for key in deciding}, {key: own[key] for key in deciding})
    raise InputError(f"the weights of {path} do not fit the network: {unlike or differences(there, here)}")
