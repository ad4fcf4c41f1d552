"""Small networks that tell damage from sound: one hidden layer on what was measured of a place."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from audio_inpaint.detection.levels import rise


def weights_file(kind: str) -> Path:
    """Return the CSV file of a kind's network, which benchmarks/detection_weights.py writes.

    A row for each feature has its name, its mean, its deviation and its weights; the last two have the constants of
    the hidden units, and the constant and the weights of the output.
    """
    return Path(__file__).with_name(f"{kind}.csv")


def probability(kind: str, features: Sequence[float]) -> float:
    """Return how likely a place with these features is damage of a kind."""
    weights = _weights(kind)
    normal = (np.asarray(features) - weights[:-2, 0]) / weights[:-2, 1]
    hidden = np.tanh(normal @ weights[:-2, 2:] + weights[-2, 2:])
    return rise(float(hidden @ weights[-1, 2:] + weights[-1, 0]), 0.0, 1.0)


@cache
def _weights(kind: str) -> np.ndarray:
    rows = [line.split(",")[1:] for line in weights_file(kind).read_text(encoding="utf-8").splitlines()]
    return np.array(rows, np.float64)
