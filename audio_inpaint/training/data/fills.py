"""Filled gaps in shards, as `audio-inpaint-data fills` writes them: what a refiner is trained on."""

import json
import os
import random
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import lightning
import torch
from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason
from audio_inpaint.methods.refiner.evidence import Evidence
from audio_inpaint.methods.refiner.observation import Observation, observed
from audio_inpaint.methods.refiner.refinement import fade, white
from audio_inpaint.methods.refiner.surroundings import Frames
from audio_inpaint.training.data.recordings import find


@dataclass(frozen=True)
class Filled:
    """Gaps of one sample rate and number of channels, with what stood in them.

    Args:
        observation: of all, its tensors with a first dimension for the gaps, padded at the end to the longest.
        truth: (gap, channel, time).
        lost: (gap, time) boolean.
        fade: how much of a change each sample takes, (gap, 1, time).
        noise: phases of what has none, complex, (gap, channel, bin, frame).
        kinds: of sound, one for each gap.
    """

    observation: Observation
    truth: Tensor
    lost: Tensor
    fade: Tensor
    noise: Tensor
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class _Example:
    observation: Observation
    truth: Tensor
    kind: str


class Fills(lightning.LightningDataModule):
    """Filled gaps, those of about one length together in a batch; all of them are kept in memory (0.5 MB each).

    Batches follow from the seed and the epoch. A run that goes on from a checkpoint gives those that are left.

    Args:
        training: shards: a path, a pattern or a list of those.
        validation: likewise.
        test: likewise.
        batch_size: gaps of a batch.
        floor: whether fills get the noise floor first, as in the method.
        kinds: of sound that are wanted, as the shards name them; None: all.
        seed: of the order; None: that of `--seed_everything`.
    """

    def __init__(
        self,
        training: str | list[str] | None = None,
        validation: str | list[str] | None = None,
        test: str | list[str] | None = None,
        batch_size: int = 16,
        floor: bool = True,
        kinds: list[str] | None = None,
        seed: int | None = None,
    ):
        super().__init__()
        if batch_size < 1:
            raise InputError("batch_size is too small: give --data.init_args.batch_size a larger value")
        self.sources = {"training": training, "validation": validation, "test": test}
        self.batch_size, self.floor, self.kinds = batch_size, floor, kinds
        self.seed = int(os.environ.get("PL_GLOBAL_SEED", 0)) if seed is None else seed
        self.sets: dict[str, FilledGaps] = {}

    def setup(self, stage: str) -> None:
        """Read the shards of a stage.

        Raises:
            InputError: shards are missing or damaged, or hold nothing of the kinds that are wanted.
        """
        for name in {"fit": ("training", "validation"), "validate": ("validation",)}.get(stage, ("test",)):
            if name not in self.sets and self.sources[name] is not None:
                self.sets[name] = FilledGaps(find(self.sources[name], name), self.floor, self.kinds)
        if stage == "fit" and "training" not in self.sets:
            raise InputError("no shards are given for training: give --data.init_args.training")

    def train_dataloader(self) -> "Batches":
        """Batches in a random order."""
        return Batches(self.sets["training"], self.batch_size, self.seed, self._trained)

    def val_dataloader(self) -> "Batches | list":
        """Batches by length."""
        return Batches(self.sets["validation"], self.batch_size) if "validation" in self.sets else []

    def test_dataloader(self) -> "Batches":
        """Batches by length."""
        return Batches(self.sets["test"], self.batch_size)

    def _trained(self) -> int:
        return 0 if self.trainer is None else self.trainer.fit_loop.epoch_loop.batch_progress.total.processed

    def transfer_batch_to_device(self, batch: Filled, device: torch.device, dataloader_idx: int) -> Filled:
        """Leave a batch where it is: processors train this."""
        return batch


class FilledGaps:
    """The gaps of some shards, each observed when it is first asked for.

    Args:
        shards: paths.
        floor: whether fills get the noise floor.
        kinds: of sound that are wanted; None: all.

    Raises:
        InputError: a shard cannot be read, or there is nothing of these kinds.
    """

    def __init__(self, shards: Sequence[str], floor: bool = True, kinds: Sequence[str] | None = None):
        self.floor, self.places, self.sizes = floor, [], []
        for shard in shards:
            for place, kind, size in _listed(shard):
                if kinds is None or kind in kinds:
                    self.places.append((shard, place, kind))
                    self.sizes.append(size)
        if not self.places:
            raise InputError(f"no filled gaps in {shards[0]} and the like: make them by `audio-inpaint-data fills`")
        self._seen: dict[int, _Example] = {}

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, numbers: Sequence[int]) -> Filled:
        """Put gaps together, all of one size in channels and sample rate."""
        return _together([self._example(number) for number in numbers], list(numbers))

    def _example(self, number: int) -> _Example:
        if number not in self._seen:
            shard, (offset, size), kind = self.places[number]
            with open(shard, "rb") as file:
                file.seek(offset)
                evidence = Evidence.unpacked(file.read(size))
            self._seen[number] = _example(evidence, kind, number, self.floor)
        return self._seen[number]


class Batches:
    """Batches of filled gaps: those of about one length together.

    Args:
        gaps: all there are.
        batch_size: of them in a batch, at most.
        seed: of the order; None puts them in the order of their lengths.
        position: tells how many batches a run has been trained on.
    """

    def __init__(self, gaps: FilledGaps, batch_size: int, seed: int | None = None, position=lambda: 0):
        self.gaps, self.batch_size, self.seed, self.position = gaps, batch_size, seed, position

    def __len__(self) -> int:
        return len(self._drawn(0))

    def __iter__(self) -> Iterator[Filled]:
        epoch, begun = divmod(self.position(), len(self)) if self.seed is not None else (0, 0)
        for numbers in self._drawn(epoch)[begun:]:
            yield self.gaps.batch(numbers)

    def state_dict(self) -> dict[str, int | None]:
        """What decides which batches come next; where the run stands is in Lightning's own state."""
        return {"seed": self.seed}

    def load_state_dict(self, state: dict[str, int | None]) -> None:
        """Take nothing: shards may have been added since."""

    def _drawn(self, epoch: int) -> list[list[int]]:
        chance = random.Random(f"{self.seed} {epoch}")
        jitter = 0.0 if self.seed is None else 0.1
        groups: dict[tuple[int, int], list[tuple[float, int]]] = {}
        for number, (rate, channels, seconds) in enumerate(self.gaps.sizes):
            groups.setdefault((rate, channels), []).append((seconds * (1 + jitter * chance.random()), number))
        batches = []
        for group in groups.values():
            order = [number for _, number in sorted(group)]
            batches += [order[first : first + self.batch_size] for first in range(0, len(order), self.batch_size)]
        if self.seed is not None:
            chance.shuffle(batches)
        return batches


def _listed(shard: str) -> Iterator[tuple[tuple[int, int], str, tuple[int, int, float]]]:
    """Place in the file, kind, and rate, channels and seconds of each gap of a shard."""
    try:
        with tarfile.open(shard, "r:") as tar:
            members = {member.name: member for member in tar}
            for name in sorted(members):
                if name.endswith(".npz"):
                    about = json.load(tar.extractfile(members[name[:-4] + ".json"]))
                    place = members[name].offset_data, members[name].size
                    yield place, about["kind"], (about["sample_rate"], about["channels"], about["seconds"])
    except (OSError, EOFError, KeyError, ValueError, TypeError, tarfile.TarError) as error:
        raise InputError(f"the shard {shard} is no shard of filled gaps, or damaged: {reason(error)}") from error


def _example(evidence: Evidence, kind: str, seed: int, floor: bool) -> _Example:
    """Observe a gap at the level that its surroundings have in all examples, in half precision."""
    scale = 1 / evidence.audio.square().mean().sqrt().clamp_min(1e-9)
    scaled = {name: getattr(evidence, name) * scale for name in ("audio", "fills", "rehearsals", "truths")}
    known = {name: getattr(evidence, name) for name in ("hole", "sample_rate", "weights", "expected")}
    evidence = Evidence(**scaled, **known)
    observation = observed(evidence, seed, floor).float()
    hole, frames = evidence.hole, Frames.of(evidence)
    truth = frames.placed(evidence.audio, evidence.audio[:, hole.start : hole.stop])[:, frames.inside()[0]].float()
    kept = {"maps": observation.maps.half()}
    return _Example(Observation(**{**vars(observation), **kept}), truth, kind)


def _together(examples: list[_Example], seeds: list[int]) -> Filled:
    seen = [example.observation for example in examples]
    frames, length = max(one.maps.shape[-1] for one in seen), max(one.audio.shape[-1] for one in seen)

    def stacked(name: str, size: int, mode: str = "constant") -> Tensor:
        parts = [getattr(one, name) for one in seen]
        return torch.stack([pad(part, (0, size - part.shape[-1]), mode=mode) for part in parts])

    maps = torch.stack([
        pad(one.maps.float(), (0, frames - one.maps.shape[-1]), mode="replicate") for one in seen
    ])  # fmt: skip
    observation = Observation(
        maps,
        stacked("spectrum", frames),
        stacked("interpolated", frames),
        stacked("limit", frames),
        stacked("audio", length),
        seen[0].hole,
        seen[0].sample_rate,
    )
    truth = torch.stack([pad(one.truth, (0, length - one.truth.shape[-1])) for one in examples])
    weights = torch.stack([fade(one.hole, length, one.sample_rate) for one in seen]).unsqueeze(1)
    lost = weights[:, 0] > 0
    noise = torch.stack([white(observation.spectrum.shape[1:], seed + 1) for seed in seeds])
    return Filled(observation, truth, lost, weights, noise, tuple(example.kind for example in examples))
