"""Speech scores by other people's packages: PESQ (wide band) and STOI, at 16 kHz."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor

from audio_inpaint.errors import InputError

_RATE = 16000


def pesq(restored: Tensor, original: Tensor, sample_rate: int) -> Tensor:
    """Perceptual evaluation of speech quality, wide band: a mean opinion score from about 1 to 4.64.

    Args:
        restored: (..., time).
        original: (..., time).
        sample_rate: hertz; other rates than 16 kHz are resampled.

    Returns:
        scores, (...).

    Raises:
        InputError: the package pesq is missing, shapes differ, or no speech is found in the audio.

    Source: ITU-T P.862.2.
    """
    package = _import("pesq")

    def score(reference, degraded) -> float:
        try:
            return package.pesq(_RATE, reference, degraded, "wb")
        except package.PesqError as error:
            raise InputError(
                f"PESQ cannot score this audio ({error!r}): give a quarter of a second of speech or more"
            ) from error

    return _scores(score, restored, original, sample_rate)


def stoi(restored: Tensor, original: Tensor, sample_rate: int) -> Tensor:
    """Short-time objective intelligibility, at most 1.

    Args:
        restored: (..., time).
        original: (..., time).
        sample_rate: hertz; other rates than 16 kHz are resampled.

    Returns:
        scores, (...).

    Raises:
        InputError: the package pystoi is missing, or shapes differ.

    Source: Taal et al., 2011, "An algorithm for intelligibility prediction of time-frequency weighted noisy speech".
    """
    package = _import("pystoi")
    return _scores(lambda clean, degraded: package.stoi(clean, degraded, _RATE), restored, original, sample_rate)


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"this score needs the package {name}: pip install audio-inpaint[metrics]") from None


def _scores(score: Callable, restored: Tensor, original: Tensor, sample_rate: int) -> Tensor:
    if restored.shape != original.shape:
        raise InputError(f"restored {tuple(restored.shape)} and original {tuple(original.shape)} differ in shape")
    both = torch.stack([original, restored]).double().cpu()
    if sample_rate != _RATE:
        from torchaudio.functional import resample

        both = resample(both, sample_rate, _RATE)
    pairs = zip(*both.reshape(2, -1, both.shape[-1]).numpy(), strict=True)
    return torch.tensor([score(*pair) for pair in pairs], dtype=torch.float64).reshape(original.shape[:-1])
