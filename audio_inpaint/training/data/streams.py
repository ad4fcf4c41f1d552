"""The order in which a training sees segments: independent streams, each a function of seed, epoch and its number."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from webdataset import filters

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.data.recordings import decode, listed, recordings

Offsets = Literal["grid", "random"]


def starts(samples: int, segment: Segment, hop: int) -> range:
    """Where the segments of a recording of so many samples begin, every `hop` samples."""
    return range(0, samples - segment.length + 1, hop)


def cut(
    audio: Tensor, segment: Segment, hop: int, offsets: Offsets, count: int | None, chance: random.Random
) -> Tensor:
    """Cut some segments out of a recording and drop those whose gap is silent.

    Args:
        audio: (time,).
        segment: sizes.
        hop: samples from one to the next.
        offsets: `grid`, multiples of the hop; `random`, any place.
        count: segments at most, before silent ones are dropped; None: every one of the grid, or as many at random.
        chance: chooses.

    Returns:
        (segment, time).
    """
    places = starts(len(audio), segment, hop)
    count = len(places) if count is None else min(count, len(places))
    if offsets == "random":
        places = range(len(audio) - segment.length + 1)
    chosen = chance.sample(places, count)
    if not chosen:
        return audio.new_empty(0, segment.length)
    segments = audio.unfold(0, segment.length, 1)[chosen]
    return segments[segment.audible(segments)]


@dataclass(frozen=True)
class Streams:
    """Endless streams of segments, drawn from shards.

    An epoch deals the shards in a random order, again and again, to the streams in turn, and a stream reads the
    recordings of a shard in random order: all are equally likely, wherever the epoch ends. If there are fewer shards
    than streams, parts of them are dealt, so that the streams do not read the same recordings at a time.

    Args:
        shards: paths, URLs or commands.
        segment: sizes.
        count: of streams.
        hop: samples.
        offsets: as in `cut`.
        per_recording: segments taken from a recording before the next one's turn, at most.
        buffer: segments among which a stream draws its next one.
        seed: of everything random.
    """

    shards: tuple[str, ...]
    segment: Segment
    count: int
    hop: int
    offsets: Offsets
    per_recording: int | None
    buffer: int
    seed: int

    def segments(self, epoch: int, stream: int) -> Iterator[Tensor]:
        """One stream's segments, (time,) each, in one epoch; as many as one takes.

        Raises:
            InputError: a shard is damaged, or none has a segment to offer.
        """
        chance = random.Random(f"{self.seed} {epoch} {stream}")
        shuffle = filters.shuffle(self.buffer, initial=self.buffer, rng=chance)
        return iter(shuffle(self._drawn(epoch, stream, chance)))

    def _drawn(self, epoch: int, stream: int, chance: random.Random) -> Iterator[Tensor]:
        barren = set()  # what offered nothing since something last did
        parts = -(-self.count // len(self.shards))
        for shard, part in itertools.islice(self._dealt(epoch, parts), stream, None, self.count):
            barren.add((shard, part))
            for recording in recordings(shard, part, parts, chance):
                audio = decode(recording, self.segment.sample_rate)
                segments = cut(audio, self.segment, self.hop, self.offsets, self.per_recording, chance)
                if len(segments) or len(cut(audio, self.segment, self.hop, "grid", None, chance)):
                    barren.clear()
                for segment in segments:
                    yield segment.clone()  # a view would keep its neighbours in memory
            if len(barren) == parts * len(set(self.shards)):
                raise InputError(
                    f"{listed(self.shards)} hold no segment of {self.segment.length} samples whose gap is not silent: "
                    "add longer or louder recordings"
                )

    def _dealt(self, epoch: int, parts: int) -> Iterator[tuple[str, int]]:
        """Shards and parts of them, each once in a round."""
        chance = random.Random(f"{self.seed} {epoch}")
        dealt = [(shard, part) for shard in self.shards for part in range(parts)]
        while True:
            yield from chance.sample(dealt, len(dealt))
