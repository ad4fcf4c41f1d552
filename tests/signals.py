"""Signals that several test files make."""

import numpy as np
import torch


def noise(length, channels=1, seed=0):
    """Faint white noise, (channel, time) in double precision."""
    return 0.1 * torch.from_numpy(np.random.default_rng(seed).standard_normal((channels, length)))
