"""The spectrogram whose columns the protocol `columns` loses."""

from audio_inpaint.dsp.stft import STFT

N_FFT, HOP_LENGTH = 2048, 512  # samples at 16 kHz: the deep-prior paper's published code


def columns_stft(sample_rate: int) -> STFT:
    """Return the STFT at a sample rate in Hz, its window and hop as long in seconds as at 16 kHz."""
    return STFT.at(sample_rate, N_FFT, HOP_LENGTH)
