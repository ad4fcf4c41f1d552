"""Synthetic problems on which an ingredient of the default is worth decibels."""

import numpy as np
import torch
from scipy.signal import firwin, lfilter
from signals import noise

from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.recall.auto import Auto
from audio_inpaint.methods.recall.scene import Scene


def decibels(fill, truth):
    return float(10 * (truth.square().sum() / (fill - truth).square().sum()).log10())


def lost(length, *gaps):
    """The mask (time,) of gaps in samples."""
    return gap_mask([Gap(*gap) for gap in gaps], length).reshape(-1)


def scene(audio, *gaps, rate=8000):
    """What Auto makes of a recording with these gaps."""
    gap = lost(audio.shape[-1], *gaps)
    return Scene(Auto(), audio.masked_fill(gap, 0), gap, rate)


def reached(method, audio, *gaps, rate=8000):
    """dB that a method reaches in the last of the gaps."""
    gap = lost(audio.shape[-1], *gaps)
    fill = method(audio.masked_fill(gap, 0), gap.expand(audio.shape), rate)
    place = slice(*gaps[-1])
    return decibels(fill[:, place], audio[:, place])


def melody(length, seed=0, top=1000):
    """Noise at 16 kHz that ends at `top` Hz."""
    return torch.from_numpy(lfilter(firwin(257, top, fs=16000), 1, noise(length, seed=seed).numpy()))


def resonant(length, seed=0, lowest=210, rate=16000):
    """Noise through six sharp resonances, predictable for some milliseconds."""
    x = noise(length, seed=seed).numpy()
    for pitch in np.array((210, 470, 830, 1370, 2100, 3300)) * lowest / 210:
        x = lfilter([1], [1, -2 * 0.997 * np.cos(2 * np.pi * pitch / rate), 0.997**2], x)
    return torch.from_numpy(x) / np.abs(x).max()


def tones(length, count, seed=0, rate=8000):
    """So many steady tones anywhere in the spectrum, as loud together as `noise`: each needs two orders of a model."""
    random, t = np.random.default_rng(seed), np.arange(length) / rate
    pitches, phases = random.uniform(50, rate / 2 - 50, count), random.uniform(0, 7, count)
    x = sum(np.sin(2 * np.pi * pitch * t + phase) for pitch, phase in zip(pitches, phases, strict=True))
    return 0.1 * np.sqrt(2 / count) * torch.from_numpy(x)[None]


def swell(before, size, after, pitch, phase):
    """A tone, pitch in radians a sample, that swells up to a gap and fades away after it, and the gap."""
    t = torch.arange(before + size + after).double()
    loud = torch.minimum(t / before, (before + size + after - t) / after).clamp(0, 1)
    return (loud * torch.sin(pitch * t + phase))[None], (before, before + size)
