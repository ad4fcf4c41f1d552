"""Speech scores by other people's packages: PESQ (wide band) and STOI, at 16 kHz."""

import math
import warnings
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.errors import InputError
from audio_inpaint.scores.checks import check

_RATE = 16000
# The package ends the process at its 51st utterance, and two of them start 0.388 s apart or more.
_PESQ_LONGEST = 19 * _RATE
_STOI_SHORTEST = math.ceil((256 + 29 * 128) / 10000 * _RATE)  # 30 frames of 256 samples, 128 apart, at 10 kHz


def pesq(preds: Tensor, target: Tensor, sample_rate: int) -> Tensor:
    """Perceptual evaluation of speech quality, wide band: a mean opinion score from about 1 to 4.64.

    The standard is made for recordings of some ten seconds. One of more than 19 s is scored in equal parts of less, and
    gets the mean of those in which there is speech.

    Args:
        preds: (..., time).
        target: (..., time).
        sample_rate: hertz; other rates than 16 kHz are resampled.

    Returns:
        scores, (...); NaN for less than a quarter of a second, where no speech is found, for silence in place of a
        whole recording or part, and for samples that are not finite.

    Raises:
        InputError: the package pesq is missing, shapes differ, or there are no samples.

    Source: ITU-T P.862.2.
    """
    package = require("pesq")

    def score(clean: np.ndarray, degraded: np.ndarray) -> float:
        parts, scores = math.ceil(len(clean) / _PESQ_LONGEST), []
        for part in zip(np.array_split(clean, parts), np.array_split(degraded, parts), strict=True):
            try:
                with np.errstate(invalid="ignore"):  # the package divides silence by its peak
                    scores.append(package.pesq(_RATE, *part, "wb"))
            except package.NoUtterancesError:
                continue
            except (package.PesqError, ValueError):  # too short, or silence where there was speech
                return math.nan
        return math.fsum(scores) / len(scores) if scores else math.nan

    return _each(score, preds, target, sample_rate)


def pesq_gain(preds: Tensor, target: Tensor, damaged: Tensor, sample_rate: int) -> Tensor:
    """What a restoration adds to the PESQ of the damaged speech, (...); see `pesq` for arguments and errors.

    Source: "Deep prior-based audio inpainting using multi-resolution harmonic convolutional neural networks", eq. 17.
    """
    return pesq(preds, target, sample_rate) - pesq(damaged, target, sample_rate)


def stoi(preds: Tensor, target: Tensor, sample_rate: int) -> Tensor:
    """Short-time objective intelligibility, at most 1.

    Args:
        preds: (..., time).
        target: (..., time).
        sample_rate: hertz; other rates than 16 kHz are resampled.

    Returns:
        scores, (...); NaN for less than 0.4 s of speech, its pauses left out, and for samples that are not finite.

    Raises:
        InputError: the package pystoi is missing, shapes differ, or there are no samples.

    Source: Taal et al., 2011, "An algorithm for intelligibility prediction of time-frequency weighted noisy speech".
    """
    package = require("pystoi")

    def score(clean: np.ndarray, degraded: np.ndarray) -> float:
        if len(clean) < _STOI_SHORTEST:
            return math.nan
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
            try:
                return package.stoi(clean, degraded, _RATE)
            except RuntimeWarning:
                return math.nan

    return _each(score, preds, target, sample_rate)


def require(name: str) -> ModuleType:
    """Import the package of a score.

    Raises:
        InputError: it is missing.
    """
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"this score needs the package {name}: pip install 'audio-inpaint[metrics]'") from None


def _each(score: Callable, preds: Tensor, target: Tensor, sample_rate: int) -> Tensor:
    """The score of each waveform at 16 kHz; a silent target and samples that are not finite have none."""
    check(preds, target)
    both = torch.stack([target, preds]).detach().double().cpu()
    if sample_rate != _RATE:
        both = resampled(both.flatten(0, -2), sample_rate, _RATE)
    pairs = both.reshape(2, -1, both.shape[-1]).numpy().swapaxes(0, 1)
    scores = [score(*pair) if np.isfinite(pair).all() and pair[0].any() else math.nan for pair in pairs]
    return torch.tensor(scores, dtype=torch.float64).reshape(target.shape[:-1])
