"""Train the networks of audio_inpaint/detection: which dips of the level are dropouts, which peaks are clicks.

    python benchmarks/detection_weights.py dropouts|clicks|jumps FOLDER... [--minutes N] [--faults N] [--seed N]

Places in recordings below the folders that are undamaged, or have other damage, are compared with those that damage
makes in others of them. The network's constant is set by how seldom a place in recordings that it has not seen is taken
for damage.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
from damage import damaged
from detection import bases, falls, recordings

from audio_inpaint.detection import clicks, dips, jumps
from audio_inpaint.detection.blocks import BLOCK_S, CONTEXT_S
from audio_inpaint.detection.network import weights_file

_UNITS = 16
_RIDGE = 3e-4  # of the squared weights, against chance
_ALARM_S = {"dropouts": 1500.0, "clicks": 8.0, "jumps": 20.0}  # seconds for each false alarm; the latter on request
_MADE = {"dropouts": ("dropouts",), "clicks": ("clicks, 1-3 samples", "clicks, 1-5 ms"), "jumps": ("jumps",)}
_OTHER = {"jumps": ("clicks, 1-3 samples", "clicks, 1-5 ms")}  # in every second recording: these are none
_FIND = {"dropouts": dips.dips, "clicks": clicks.candidates, "jumps": jumps.candidates}
_FEATURES = {"dropouts": dips.FEATURES, "clicks": clicks.FEATURES, "jumps": jumps.FEATURES}
_FOLDS = 4
_AVERAGED = ("dropouts",)  # whose network is the mean of those of all folds, since few places decide


def in_blocks(kind: str, x: np.ndarray, rate: int) -> Iterator[tuple[int, int, tuple[float, ...]]]:
    """Yield [start, stop) and the features of places in a channel as they are seen in blocks."""
    size, context = round(BLOCK_S * rate), round(CONTEXT_S * rate)
    for begin in range(0, len(x), size):
        first = max(0, begin - context)
        for start, stop, features in _FIND[kind](np.float32(x[first : begin + size + context]), rate):
            if begin <= first + start < begin + size:
                yield first + start, first + stop, features


def undamaged(
    kind: str, files: list[Path], minutes: float, seed: int
) -> tuple[list[tuple[float, ...]], list[Path], float]:
    """Return the features of all places in recordings without a kind, the file of each, and how many seconds these are.

    Every second recording has other damage, if there is any that is alike.
    """
    features, seconds, of, others = [], 0.0, [], _OTHER.get(kind)
    for number, file in enumerate(files):
        if seconds > 60 * minutes:
            break
        audio, rate = soundfile.read(file, always_2d=True, dtype="float32")
        x, seconds = audio[:, 0], seconds + len(audio) / rate
        if others and number % 2 and len(x) > 3 * rate:
            x = damaged(x[None], others[number // 2 % len(others)], seed * 1000 + number, rate)[0][0]
            x = np.float32(np.round(x.clip(-1, 1) * 32768) / 32768)
        features += [place[2] for place in in_blocks(kind, x, rate)]
        of += [file] * (len(features) - len(of))
    return features, of, seconds


def spoilt(kind: str, files: list[Path], wanted: int, seed: int) -> tuple[list[tuple[float, ...]], list[Path], int]:
    """Return the features of the places that damage makes, the file of each, and how many faults were made.

    A dropout is one where the sound on both sides is 20 dB over what is left within.
    """
    features, of, made = [], [], 0
    for number, (file, audio, rate) in enumerate(bases(files, len(files))):
        if made >= wanted:
            break
        count = round(0.8 * audio.shape[1] / rate)
        of_kind = _MADE[kind][number % len(_MADE[kind])]
        heard, faults = damaged(audio[:1], of_kind, seed * 1000 + number, rate, count)
        found = list(in_blocks(kind, np.round(heard[0].clip(-1, 1) * 32768) / 32768, rate))
        faults = [fault for fault in faults if kind != "dropouts" or falls(heard, *fault, rate)]
        made += len(faults)
        for start, stop in faults:
            reach = round(0.002 * rate)
            if start == stop:  # a jump
                start, stop, reach = start - 1, stop + 1, 0
            near = [one for one in found if one[1] - one[0] < stop - start + 0.02 * rate]
            near = [one for one in near if min(one[1], stop) - max(one[0], start) > (stop - start) / 2 - reach]
            features += [max(near, key=lambda one: one[1] - one[0])[2]] if near else []
        of += [file] * (len(features) - len(of))
    return features, of, made


def fitted(x: np.ndarray, is_damage: np.ndarray, seed: int = 0) -> torch.nn.Sequential:
    """Return the network that makes the observed labels most likely.

    Args:
        x: normalised features (place, feature).
        is_damage: (place,).
        seed: of its first weights.
    """
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], _UNITS), torch.nn.Tanh(), torch.nn.Linear(_UNITS, 1)).double()
    known, wanted = torch.from_numpy(x), torch.from_numpy(is_damage.astype(float))
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
    """Return the log odds of damage, (place,)."""
    return net(torch.from_numpy(x))[:, 0].numpy()


def cross_validated(
    x: np.ndarray, labels: np.ndarray, files: list[Path]
) -> tuple[np.ndarray, list[torch.nn.Sequential]]:
    """Return the log odds of each place from networks that have not seen its file, and these networks."""
    names = sorted(set(files))
    fold = np.random.default_rng(0).integers(0, _FOLDS, len(names))[np.searchsorted(names, files)]
    scores, nets = np.zeros(len(x)), []
    for each in range(_FOLDS):
        nets.append(fitted(x[fold != each], labels[fold != each], each))
        scores[fold == each] = score(nets[-1], x[fold == each])
    return scores, nets


def averaged(nets: list[torch.nn.Sequential]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return the mean of networks as one: weights (hidden, feature) and constants of all hidden units, of the output.

    >>> [one.shape for one in averaged([torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))] * 2)[:3]]
    [(8, 3), (8,), (8,)]
    """
    hidden, outputs = [net[0] for net in nets], [net[-1] for net in nets]
    return (
        np.concatenate([layer.weight.detach().numpy() for layer in hidden]),
        np.concatenate([layer.bias.detach().numpy() for layer in hidden]),
        np.concatenate([layer.weight.detach()[0].numpy() for layer in outputs]) / len(nets),
        float(np.mean([layer.bias.item() for layer in outputs])),
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=_FIND)
    parser.add_argument("folders", nargs="+", type=Path, help="each counts as much as the others")
    parser.add_argument("--minutes", type=float, default=50.0, help="undamaged, of each folder")
    parser.add_argument("--faults", type=int, default=1200, help="made, in each folder")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    kind, right, wrong, files, others, made, seconds = arguments.kind, [], [], [], [], 0, 0.0
    for folder in arguments.folders:
        found = recordings([folder], arguments.seed)
        features, of, count = spoilt(kind, found[len(found) // 2 :], arguments.faults, arguments.seed)
        right, files, made = right + features, files + of, made + count
        features, of, heard = undamaged(kind, found[: len(found) // 2], arguments.minutes, arguments.seed)
        wrong, others, seconds = wrong + features, others + of, seconds + heard
    raw, labels = np.array(right + wrong), np.arange(len(right) + len(wrong)) < len(right)
    middle, scale = raw.mean(axis=0), raw.std(axis=0)
    x = (raw - middle) / scale
    scores, nets = cross_validated(x, labels, files + others)
    highest = np.sort(scores[~labels])[::-1]
    print(f"{len(right)} places by {made} faults, {len(wrong)} others in {seconds / 60:.0f} minutes; in files not seen")
    for each in _ALARM_S[kind] * 2.0 ** np.arange(-1, 4):
        found = (scores[labels] > highest[max(1, round(seconds / each))]).sum() / made
        print(f"{found:.1%} of the faults are found at one false alarm in {each:.0f} s")
    limit = highest[max(1, round(seconds / _ALARM_S[kind]))]
    into, constants, out, constant = averaged(nets if kind in _AVERAGED else [fitted(x, labels)])
    rows = np.column_stack([middle, scale, into.T])
    rows = np.vstack([rows, [0, 1, *constants], [constant - limit, 1, *out]])
    with weights_file(kind).open("w", encoding="utf-8") as file:
        for name, row in zip((*_FEATURES[kind], "hidden", "output"), rows, strict=True):
            file.write(",".join((name, *(f"{value:.4f}" for value in row))) + "\n")


if __name__ == "__main__":
    main()
