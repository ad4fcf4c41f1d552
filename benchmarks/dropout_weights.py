"""Fit the weights of audio_inpaint/detection/dropouts.py: which dips of the level are dropouts, by logistic regression.

    python benchmarks/dropout_weights.py FOLDER... [--minutes N] [--clips N] [--seed N]

Dips in undamaged recordings below the folders are compared with those that dropouts make in others of them. Prints the
table of weights. The constant is set so that one dip in 15 minutes of undamaged sound is taken for a dropout.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile
from damage import damaged
from detection import bases, recordings
from scipy.optimize import minimize

from audio_inpaint.detection.dips import FEATURES, dips

_RIDGE = 3e-4  # of the squared weights, against chance
_ALARM_S = 900.0


def undamaged(files: list[Path], minutes: float) -> tuple[list[tuple[float, ...]], float]:
    """Return the features of all dips in undamaged recordings, and how many seconds these are."""
    features, seconds = [], 0.0
    for file in files:
        if seconds > 60 * minutes:
            break
        audio, rate = soundfile.read(file, always_2d=True, dtype="float32")
        seconds += len(audio) / rate
        features += [dip.features for dip in dips(np.ascontiguousarray(audio[:, 0]), rate)]
    return features, seconds


def dropped(files: list[Path], clips: int, seed: int) -> list[tuple[float, ...]]:
    """Return the features of the dips that dropouts make."""
    features = []
    for number, (_, audio, rate) in enumerate(bases(files, clips)):
        spoilt, faults = damaged(audio, "dropouts", seed * 1000 + number, rate, count=round(audio.shape[1] / rate))
        found = list(dips(np.float32(np.round(spoilt[0].clip(-1, 1) * 32768) / 32768), rate))
        for start, stop in faults:
            near = [dip for dip in found if dip.stop - dip.start < stop - start + 0.03 * rate]
            near = [dip for dip in near if min(dip.stop, stop) - max(dip.start, start) > (stop - start) / 2]
            features += [max(near, key=lambda dip: dip.stop - dip.start).features] if near else []
    return features


def fitted(x: np.ndarray, is_dropout: np.ndarray) -> np.ndarray:
    """Return the constant and the weights that make the observed labels most likely."""
    sign = np.where(is_dropout, 1.0, -1.0)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ w[1:] + w[0])
        slope = -sign / (1 + np.exp(np.clip(margin, -50, 50)))
        value = np.logaddexp(0, -margin).mean() + _RIDGE * (w[1:] ** 2).sum()
        return value, np.concatenate([[slope.mean()], x.T @ slope / len(x) + 2 * _RIDGE * w[1:]])

    return minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="each counts as much as the others")
    parser.add_argument("--minutes", type=float, default=10.0, help="undamaged, of each folder")
    parser.add_argument("--clips", type=int, default=12, help="damaged, of each folder")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    wrong, right, seconds = [], [], 0.0
    for folder in arguments.folders:
        files = recordings([folder], arguments.seed)
        right += dropped(files[len(files) // 2 :], arguments.clips, arguments.seed)
        features, heard = undamaged(files[: len(files) // 2], arguments.minutes)
        wrong, seconds = wrong + features, seconds + heard
    raw, labels = np.array(right + wrong), np.arange(len(right) + len(wrong)) < len(right)
    middle, scale = raw.mean(axis=0), raw.std(axis=0)
    normal = (raw - middle) / scale
    x = np.concatenate([normal, normal**2], axis=1)
    fold, score = np.random.default_rng(0).integers(0, 5, len(x)), np.zeros(len(x))
    for each in range(5):
        w = fitted(x[fold != each], labels[fold != each])
        score[fold == each] = x[fold == each] @ w[1:] + w[0]
    limit = np.sort(score[~labels])[::-1][max(1, round(seconds / _ALARM_S))]
    w = fitted(x, labels)
    print(
        f"# {len(right)} dropouts, {len(wrong)} other dips in {seconds / 60:.0f} minutes; found of the former, in five"
    )
    print(f"# folds, at one false alarm in 15 minutes: {(score[labels] > limit).mean():.1%}")
    print(f"_CONSTANT = {w[0] - max(limit, 0):.3f}")
    print("_WEIGHTS = np.array(\n    [")
    for name, *row in zip(FEATURES, middle, scale, w[1 : len(FEATURES) + 1], w[len(FEATURES) + 1 :], strict=True):
        print(f"        [{', '.join(f'{value:.3f}' for value in row)}],  # {name}")
    print("    ]\n)")


if __name__ == "__main__":
    main()
