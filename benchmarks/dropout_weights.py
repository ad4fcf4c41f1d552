"""Train audio_inpaint/detection/dips.csv: which dips of the level are dropouts, by a small network.

    python benchmarks/dropout_weights.py FOLDER... [--minutes N] [--dropouts N] [--seed N] [-o dips.csv]

Dips in undamaged recordings below the folders are compared with those that dropouts make in others of them. The
network's constant is set so that, of recordings that it has not seen, one dip in 25 minutes is taken for a dropout.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
from damage import damaged
from detection import bases, recordings

from audio_inpaint.detection.blocks import BLOCK_S, CONTEXT_S
from audio_inpaint.detection.dips import FEATURES, Dip, dips
from audio_inpaint.detection.dropouts import NETWORK

_UNITS = 16
_RIDGE = 3e-4  # of the squared weights, against chance
_ALARM_S = 1500.0
_FOLDS = 5


def in_blocks(x: np.ndarray, rate: int) -> Iterator[Dip]:
    """Yield the dips of a channel as they are seen in blocks: percentiles are of a block."""
    size, context = round(BLOCK_S * rate), round(CONTEXT_S * rate)
    for begin in range(0, len(x), size):
        first = max(0, begin - context)
        for dip in dips(np.ascontiguousarray(x[first : begin + size + context], np.float32), rate):
            if begin <= first + dip.start < begin + size:
                yield dip._replace(start=first + dip.start, stop=first + dip.stop)


def undamaged(files: list[Path], minutes: float) -> tuple[list[tuple[float, ...]], list[Path], float]:
    """Return the features of all dips in undamaged recordings, the file of each, and how many seconds these are."""
    features, seconds, of = [], 0.0, []
    for file in files:
        if seconds > 60 * minutes:
            break
        audio, rate = soundfile.read(file, always_2d=True, dtype="float32")
        seconds += len(audio) / rate
        features += [dip.features for dip in in_blocks(audio[:, 0], rate)]
        of += [file] * (len(features) - len(of))
    return features, of, seconds


def dropped(files: list[Path], wanted: int, seed: int) -> tuple[list[tuple[float, ...]], list[Path], int]:
    """Return the features of the dips that dropouts make, the file of each, and how many dropouts were made."""
    features, of, made = [], [], 0
    for number, (file, audio, rate) in enumerate(bases(files, len(files))):
        if made >= wanted:
            break
        count = round(0.8 * audio.shape[1] / rate)
        spoilt, faults = damaged(audio[:1], "dropouts", seed * 1000 + number, rate, count)
        found = list(in_blocks(np.round(spoilt[0].clip(-1, 1) * 32768) / 32768, rate))
        made += len(faults)
        for start, stop in faults:
            near = [dip for dip in found if dip.stop - dip.start < stop - start + 0.03 * rate]
            near = [dip for dip in near if min(dip.stop, stop) - max(dip.start, start) > (stop - start) / 2]
            features += [max(near, key=lambda dip: dip.stop - dip.start).features] if near else []
        of += [file] * (len(features) - len(of))
    return features, of, made


def fitted(x: np.ndarray, is_dropout: np.ndarray, seed: int = 0) -> torch.nn.Sequential:
    """Return the network that makes the observed labels most likely.

    Args:
        x: normalised features (dip, feature).
        is_dropout: (dip,).
        seed: of its first weights.
    """
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], _UNITS), torch.nn.Tanh(), torch.nn.Linear(_UNITS, 1)).double()
    known, wanted = torch.from_numpy(x), torch.from_numpy(is_dropout.astype(float))
    optimiser = torch.optim.LBFGS(net.parameters(), max_iter=600, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(net(known)[:, 0], wanted)
        value = value + _RIDGE * sum(weight.square().sum() for weight in net.parameters())
        value.backward()
        return value

    optimiser.step(loss)
    return net.requires_grad_(False)


def score(net: torch.nn.Sequential, x: np.ndarray) -> np.ndarray:
    """Return the log odds of a dropout, (dip,)."""
    return net(torch.from_numpy(x))[:, 0].numpy()


def cross_validated(x: np.ndarray, labels: np.ndarray, files: list[Path]) -> np.ndarray:
    """Return the log odds of each dip from networks that have not seen its file."""
    names = sorted(set(files))
    fold = np.random.default_rng(0).integers(0, _FOLDS, len(names))[np.searchsorted(names, files)]
    scores = np.zeros(len(x))
    for each in range(_FOLDS):
        scores[fold == each] = score(fitted(x[fold != each], labels[fold != each]), x[fold == each])
    return scores


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="each counts as much as the others")
    parser.add_argument("--minutes", type=float, default=50.0, help="undamaged, of each folder")
    parser.add_argument("--dropouts", type=int, default=1200, help="made, in each folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=NETWORK)
    arguments = parser.parse_args()
    right, wrong, files, others, made, seconds = [], [], [], [], 0, 0.0
    for folder in arguments.folders:
        found = recordings([folder], arguments.seed)
        features, of, count = dropped(found[len(found) // 2 :], arguments.dropouts, arguments.seed)
        right, files, made = right + features, files + of, made + count
        features, of, heard = undamaged(found[: len(found) // 2], arguments.minutes)
        wrong, others, seconds = wrong + features, others + of, seconds + heard
    raw, labels = np.array(right + wrong), np.arange(len(right) + len(wrong)) < len(right)
    middle, scale = raw.mean(axis=0), raw.std(axis=0)
    x = (raw - middle) / scale
    scores = cross_validated(x, labels, files + others)
    limit = np.sort(scores[~labels])[::-1][max(1, round(seconds / _ALARM_S))]
    print(f"{len(right)} dips by {made} dropouts, {len(wrong)} others in {seconds / 60:.0f} minutes; in files not seen,")
    print(f"{(scores[labels] > limit).sum() / made:.1%} of the dropouts are found at one false alarm in 25 minutes")
    net = fitted(x, labels)
    hidden, output = net[0], net[2]
    rows = np.column_stack([middle, scale, hidden.weight.T.numpy()])
    rows = np.vstack([rows, [0, 1, *hidden.bias.tolist()], [output.bias.item() - max(limit, 0), 1, *output.weight[0]]])
    with arguments.output.open("w", encoding="utf-8") as file:
        for name, row in zip((*FEATURES, "hidden", "output"), rows, strict=True):
            file.write(",".join((name, *(f"{value:.4f}" for value in row))) + "\n")


if __name__ == "__main__":
    main()
