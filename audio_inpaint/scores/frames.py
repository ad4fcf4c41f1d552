"""Spectra at a gap, without transforming the rest of a long recording."""

from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError


def spectra(stft: STFT, audio: Tensor, frames: Tensor) -> Tensor:
    """Transform the chosen frames alone.

    Args:
        stft: on the device of the audio.
        audio: (..., time).
        frames: those to transform, at least one, (frame,) boolean.

    Returns:
        (..., n_fft // 2 + 1, chosen) complex.

    Raises:
        InputError: the frames are not those of one gap for all waveforms.
    """
    if frames.dim() != 1:
        raise InputError(
            f"frames are scored in one gap (time,) for all waveforms, not in {tuple(frames.shape[:-1])} gaps"
        )
    chosen = frames.nonzero().flatten()
    half = stft.n_fft // 2
    first = max(0, int(chosen[0]) - -(-half // stft.hop_length))
    stop = int(chosen[-1]) * stft.hop_length + half
    return stft(audio[..., first * stft.hop_length : stop])[..., chosen - first]
