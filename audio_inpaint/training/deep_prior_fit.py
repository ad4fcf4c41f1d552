"""One signal fitted by Lightning: from noise of several seeds, into a folder, going on after a stop."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import torch
from lightning import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.recording import read, write
from audio_inpaint.nn import checkpoints
from audio_inpaint.training.identity import held
from audio_inpaint.training.initial_weights import check_whole
from audio_inpaint.training.loggers import finish
from audio_inpaint.training.resume import CHECKPOINT, CountedSteps, Elapsed

# makes a trainer, a model and a data module for one fit, whose results go to a folder, from noise of a seed
Fresh = Callable[[Path, int], tuple[Trainer, LightningModule, LightningDataModule]]

OUTPUT, RECORD = "network.wav", "fit.json"


def fit(
    fresh: Fresh,
    folder: Path,
    audio: Tensor,
    gap: Tensor,
    sample_rate: int,
    truth: Tensor | None = None,
    seeds: int = 1,
) -> Tensor:
    """Fit one signal and return the network's whole output, averaged over the seeds.

    Results and checkpoints go to `folder`; a fit that stopped goes on from its last checkpoint, a finished one is read.

    Args:
        fresh: makes what a fit needs.
        folder: of the results; made if missing.
        audio: (channel, time), the damaged signal.
        gap: (time,) boolean.
        sample_rate: Hz.
        truth: (channel, time), the undamaged signal, if known.
        seeds: fits from different noise.

    Returns:
        (channel, time) float32.

    Raises:
        InputError: the folder holds another fit, another process works there, or the fit diverged.
    """
    signal = audio, gap, sample_rate, truth
    return torch.stack([_fit(fresh, place, seed, *signal) for seed, place in enumerate(_places(folder, seeds))]).mean(0)


def seconds(folder: Path, seeds: int) -> float:
    """Return how long the finished fits of a folder took, with what they did before they were interrupted."""
    return sum(_noted(place).get("seconds", 0.0) for place in _places(folder, seeds))


def _places(folder: Path, seeds: int) -> list[Path]:
    return [folder / f"seed_{seed}" for seed in range(seeds)] if seeds > 1 else [folder]


def _fit(
    fresh: Fresh, folder: Path, seed: int, audio: Tensor, gap: Tensor, sample_rate: int, truth: Tensor | None
) -> Tensor:
    folder.mkdir(parents=True, exist_ok=True)
    trainer, model, data = fresh(folder, seed)
    data.load(audio, gap, sample_rate, truth)
    _check_same(folder, trainer, model, data)
    with held(folder):
        return _output(folder, trainer, model, data, sample_rate)


def _output(
    folder: Path, trainer: Trainer, model: LightningModule, data: LightningDataModule, sample_rate: int
) -> Tensor:
    if (folder / OUTPUT).is_file():
        return read(folder / OUTPUT)[0].float()
    checkpoint = folder / CHECKPOINT
    saved = next((c for c in trainer.callbacks if isinstance(c, ModelCheckpoint)), None)
    if saved is not None:
        saved.dirpath, saved.filename = str(folder), checkpoint.stem
    elapsed = Elapsed()
    trainer.callbacks += [CountedSteps(), elapsed]
    if checkpoint.is_file():
        check_whole(checkpoints.read(checkpoint, mapped=True), checkpoint)
    try:
        trainer.fit(model, datamodule=data, ckpt_path=str(checkpoint) if checkpoint.is_file() else None)
    except SystemExit:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from None
    model.to(data.signal.audio.device)
    output = model.restored()
    if not bool(output.isfinite().all()):
        raise InputError("the fit diverged at its last step: choose a lower learning rate")
    _note(folder, seconds=elapsed.seconds)
    write(folder / OUTPUT, output, sample_rate, "FLOAT")
    checkpoint.unlink(missing_ok=True)
    finish(trainer.loggers)
    return output


def _check_same(folder: Path, trainer: Trainer, model: LightningModule, data: LightningDataModule) -> None:
    """Refuse a folder with results of another signal or configuration, which a fit would take for its own."""
    options = (sorted(model.hparams.items(), key=str), trainer.max_steps, trainer.precision, torch.initial_seed())
    digest = hashlib.sha256(repr(options).encode())
    for tensor in (data.signal.audio, data.signal.gap, data.signal.withheld):
        digest.update(tensor.contiguous().numpy().tobytes())
    if not (folder / RECORD).is_file():
        _note(folder, fit=digest.hexdigest())
    elif _noted(folder).get("fit") != digest.hexdigest():
        raise InputError(
            f"{folder} holds results of another signal or configuration: name another --output, or delete it"
        )


def _noted(folder: Path) -> dict:
    """Read what is known of a fit.

    Raises:
        InputError: it cannot be read.
    """
    record = folder / RECORD
    try:
        return dict(json.loads(record.read_text())) if record.is_file() else {}
    except (ValueError, TypeError) as error:
        raise InputError(f"{record} is damaged: delete {folder}, and the fit begins again") from error


def _note(folder: Path, **news: object) -> None:
    """Add to what is known of a fit: `fit`, a digest of its signal and configuration, and the `seconds` it took."""
    known = _noted(folder) | news
    with replacing(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(known))
