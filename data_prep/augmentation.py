"""What other microphones, mixers and files would have made of a recording: gain, equaliser, low-pass and codec."""

import io

import numpy as np
import soundfile
import torch
from torch import Tensor

from audio_inpaint.extras import needed

GAIN_DB = -20.0, 0.0
BELLS = 3  # of the equaliser, each one octave wide or so
BELL_HZ, BELL_DB, BELL_Q = (80.0, 6000.0), 9.0, 0.9
LOWPASSED, LOWPASS = 0.25, (0.4, 0.95)  # share of the recordings; of half the sample rate
CODED, COMPRESSION = 0.5, (0.3, 0.9)  # share of the recordings; of MP3 in libsndfile's scale, 64 to 150 kbit/s or so
_MP3_RATES = 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000
_MP3_CHANNELS = 2


def augment(audio: Tensor, sample_rate: int, rng: np.random.Generator) -> Tensor:
    """Change a recording as another way to record and keep it would have.

    Args:
        audio: (channel, time).
        sample_rate: Hz.
        rng: chooses.

    Returns:
        as much audio of the same type, not above full scale.

    Raises:
        InputError: torchaudio is not installed.
    """
    with needed():
        from torchaudio.functional import equalizer_biquad, gain, lowpass_biquad

    changed = gain(audio.double(), float(rng.uniform(*GAIN_DB)))
    top = sample_rate / 2
    for hertz, decibels in zip(
        np.exp(rng.uniform(*np.log(BELL_HZ), BELLS)), rng.normal(0, BELL_DB / 2, BELLS), strict=True
    ):
        if hertz < 0.9 * top:
            changed = equalizer_biquad(
                changed, sample_rate, float(hertz), float(np.clip(decibels, -BELL_DB, BELL_DB)), BELL_Q
            )
    if rng.uniform() < LOWPASSED:
        changed = lowpass_biquad(changed, sample_rate, float(rng.uniform(*LOWPASS)) * top)
    changed = changed / changed.abs().max().clamp_min(1)
    if rng.uniform() < CODED and sample_rate in _MP3_RATES and len(audio) <= _MP3_CHANNELS:
        changed = coded(changed, sample_rate, float(rng.uniform(*COMPRESSION)))
    return changed.to(audio.dtype)


def coded(audio: Tensor, sample_rate: int, compression: float) -> Tensor:
    """Encode audio (channel, time) as MP3 and decode it; what the codec adds at the end is left out."""
    file = io.BytesIO()
    soundfile.write(file, audio.T.numpy(), sample_rate, format="MP3", compression_level=compression)
    file.seek(0)
    decoded = torch.from_numpy(soundfile.read(file, always_2d=True)[0].T)[:, : audio.shape[-1]]
    return torch.nn.functional.pad(decoded, (0, audio.shape[-1] - decoded.shape[-1]))
