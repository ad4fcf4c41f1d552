"""Sounds and gaps for the tests of scores."""

import numpy as np
import torch


def waves(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def mask(length, *spans):
    gap = torch.zeros(length, dtype=torch.bool)
    for start, stop in spans:
        gap[start:stop] = True
    return gap


def voice(sample_rate, seconds=3):
    """A sawtooth through three formants, switched on and off four times a second."""
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    partials = np.arange(1, 30)[:, None] * 120.0
    weights = sum(np.exp(-(((partials - formant) / 150) ** 2)) for formant in (600, 1200, 2500)) + 0.01
    tone = (weights * np.sin(2 * np.pi * partials * t)).sum(0) * (np.sin(2 * np.pi * 4 * t) > -0.3)
    return torch.from_numpy(0.1 * tone + 1e-4 * np.random.default_rng(0).standard_normal(len(t)))
