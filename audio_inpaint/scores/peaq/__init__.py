"""Objective difference grade (ODG) by PEAQ, basic version: how a listener would grade the difference of two recordings.

0 is imperceptible, -1 perceptible but not annoying, -2 slightly annoying, -3 annoying, -4 very annoying.

Written from ITU-R BS.1387-1, Annex 2, and P. Kabal, 2003, "An examination and interpretation of ITU-R BS.1387:
Perceptual evaluation of audio quality" (McGill University), whose choices are followed where the standard leaves room.
No conformance is claimed.

From the inside out: `bands` and `ear` (section 2 of the annex), `patterns` (3), `variables` of each frame (4),
`averaging` over the recording (5), `network` (6). `recording` brings the audio into form, `model` runs it all.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.scores.peaq.model import model_output_variables
from audio_inpaint.scores.peaq.network import NAMES, distortion_index, grade
from audio_inpaint.scores.peaq.recording import convert


def odg(preds: Tensor, target: Tensor, sample_rate: float, stereo: bool = False) -> Tensor:
    """Objective difference grade of each waveform by PEAQ basic, from 0.22 (no difference) to -3.98.

    Its limits:

    - It was fitted to the artefacts of audio codecs in music of some ten seconds, which gaps are not. A gap of 64 ms
      left silent can saturate it at -3.91, as loud noise does, and silence in place of noise throughout gets -1.4.
    - Grades below -3.8 tell little apart; the distortion index DI, which `peaq` gives, does not saturate.
    - Equal signals have no one grade, but 0.13 to 0.22 by their spectrum.
    - Both are rounded to 16 bits at 48 kHz and clipped, as in the files that the standard is made for. Without this
      the bandwidths of recordings at 16 kHz hang on side lobes of the analysis window, and the grade moves by more
      than one with the resampler. Still, never compare grades at different sampling rates: where the original
      ends below 8.1 kHz, the two bandwidths hang on few frames or none.
    - Four of the variables leave out the first half second or so and are 0, hence flattering, in anything shorter:
      give two seconds or more.
    - The signals must be aligned and of the same gain. A silent original is scored from end to end.

    Args:
        preds: what is graded, (..., time), full scale is 1; each waveform is a mono recording.
        target: the original, (..., time).
        sample_rate: hertz; other rates than 48 kHz are resampled (SoX, very high quality: images 100 dB down and more).
        stereo: the dimension before the last holds the two channels of one recording, (..., 2, time): both ears
            detect together, and the other variables are averaged over the channels.

    Returns:
        grades, (...); finite for any audio.

    Raises:
        InputError: shapes differ, there is no sample, samples are not finite or are integers, the sampling rate is not
            positive, or `stereo` does not find two channels.

    Source: ITU-R BS.1387-1, Annex 2.
    """
    return peaq(preds, target, sample_rate, stereo)["ODG"]


def peaq(preds: Tensor, target: Tensor, sample_rate: float, stereo: bool = False) -> dict[str, Tensor]:
    """The grade "ODG", the distortion index "DI" that it is made of, and the eleven model output variables by name.

    See `odg` for arguments, errors and limits. Entries are (...), float64; the variables have the standard's names.
    """
    _check(preds, target, sample_rate, stereo)
    rows = []
    for pair in _recordings(preds, target, stereo):
        test, reference = (convert(audio, sample_rate) for audio in pair)
        variables = model_output_variables(reference, test)
        index = distortion_index(variables)
        rows.append([grade(index), index, *variables])
    shape = target.shape[: -2 if stereo else -1]
    columns = torch.tensor(rows, dtype=torch.float64, device=target.device).unbind(-1)
    return {name: column.reshape(shape) for name, column in zip(("ODG", "DI", *NAMES), columns, strict=True)}


def _recordings(preds: Tensor, target: Tensor, stereo: bool) -> Iterator[np.ndarray]:
    """Pairs of recordings, (2, channel, time)."""
    both = torch.stack([audio.detach().double().cpu() for audio in (preds, target)]).numpy()
    yield from both.reshape(2, -1, 2 if stereo else 1, both.shape[-1]).swapaxes(0, 1)


def _check(preds: Tensor, target: Tensor, sample_rate: float, stereo: bool) -> None:
    if preds.shape != target.shape:
        raise InputError(f"preds {tuple(preds.shape)} and target {tuple(target.shape)} differ in shape")
    if target.dim() == 0 or target.numel() == 0:
        raise InputError(f"no samples to grade in audio of shape {tuple(target.shape)}: give (..., time)")
    if stereo and target.shape[-2:-1] != (2,):
        raise InputError(f"stereo wants two channels as (..., 2, time), not {tuple(target.shape)}")
    if not (preds.is_floating_point() and target.is_floating_point()):
        raise InputError("samples are not floating point: divide integers by their full scale")
    if not (preds.isfinite().all() and target.isfinite().all()):
        raise InputError("samples are not all finite: find out what made NaN or infinity of them")
    if not sample_rate > 0:
        raise InputError(f"a sampling rate of {sample_rate} Hz is not positive")
