"""The order in which a training sees segments: independent streams, each a function of seed, epoch and its number."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor
from webdataset import filters

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.data.recordings import DamagedRecording, PassedOver, decode, listed, recordings
from audio_inpaint.training.data.varied_gaps import Place, VariedGaps, audible

Piece = tuple[Tensor, Place | None]  # a segment (time,), and its gap where it has one of its own
Offsets = Literal["grid", "random"]


def starts(samples: int, segment: Segment, hop: int) -> range:
    """Where the segments of a recording of so many samples begin, every `hop` samples."""
    return range(0, samples - segment.length + 1, hop)


def cut(
    audio: Tensor,
    segment: Segment,
    hop: int,
    offsets: Offsets,
    count: int | None,
    chance: random.Random,
    gaps: VariedGaps | None = None,
) -> list[Piece]:
    """Cut some segments out of a recording and drop those whose gap is silent.

    Args:
        audio: (time,).
        segment: sizes.
        hop: samples from one to the next.
        offsets: `grid`, multiples of the hop; `random`, any place.
        count: segments at most, before silent ones are dropped; None: every one of the grid, or as many at random.
        chance: chooses.
        gaps: random ones; None: the segment's.
    """
    places = starts(len(audio), segment, hop)
    count = len(places) if count is None else min(count, len(places))
    if offsets == "random":
        places = range(len(audio) - segment.length + 1)
    chosen = chance.sample(places, count)
    if not chosen:
        return []
    return loud(audio.unfold(0, segment.length, 1)[chosen], segment, chance, gaps)


def loud(segments: Tensor, segment: Segment, chance: random.Random, gaps: VariedGaps | None) -> list[Piece]:
    """Those of the segments (segment, time) whose gap is not silent."""
    if gaps is None:
        return [(part, None) for part in segments[segment.audible(segments)]]
    places = [gaps.draw(segment, chance) for _ in segments]
    heard = audible(segments, places).tolist()
    return [piece for piece, loud in zip(zip(segments, places, strict=True), heard, strict=True) if loud]


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
        gaps: random ones; None: the segment's.
        cache: folder of fetched shards.
    """

    shards: tuple[str, ...]
    segment: Segment
    count: int
    hop: int
    offsets: Offsets
    per_recording: int | None
    buffer: int
    seed: int
    gaps: VariedGaps | None = None
    cache: Path | None = None

    def segments(self, epoch: int, stream: int, passed_over: PassedOver) -> Iterator[Piece]:
        """One stream's segments in one epoch; as many as one takes.

        Args:
            epoch: from 0.
            stream: 0 to `count` - 1.
            passed_over: counts what is left out.

        Raises:
            InputError: a shard is damaged, or none has a segment to offer.
        """
        chance = random.Random(f"{self.seed} {epoch} {stream}")
        shuffle = filters.shuffle(self.buffer, initial=self.buffer, rng=chance)
        return iter(shuffle(self._drawn(epoch, stream, chance, passed_over)))

    def _drawn(self, epoch: int, stream: int, chance: random.Random, passed_over: PassedOver) -> Iterator[Piece]:
        barren = set()  # what offered nothing since something last did
        parts = -(-self.count // len(self.shards))
        for shard, part in itertools.islice(self._dealt(epoch, parts), stream, None, self.count):
            barren.add((shard, part))
            for recording in recordings(shard, part, parts, chance, cache=self.cache, passed_over=passed_over):
                try:
                    audio = decode(recording, self.segment.sample_rate)
                except DamagedRecording as error:
                    passed_over.add(shard, recording["__key__"], error)
                    continue
                pieces = cut(audio, self.segment, self.hop, self.offsets, self.per_recording, chance, self.gaps)
                if pieces or cut(audio, self.segment, self.hop, "grid", None, chance, self.gaps):
                    barren.clear()
                for segment, gap in pieces:
                    yield segment.clone(), gap  # a view would keep its neighbours in memory
            if len(barren) == parts * len(set(self.shards)):
                raise InputError(
                    f"{listed(self.shards)} hold no segment of {self.segment.length} samples whose gap is not silent: "
                    f"add longer or louder recordings{f' ({passed_over})' if passed_over else ''}"
                )

    def _dealt(self, epoch: int, parts: int) -> Iterator[tuple[str, int]]:
        """Shards and parts of them, each once in a round."""
        chance = random.Random(f"{self.seed} {epoch}")
        dealt = [(shard, part) for shard in self.shards for part in range(parts)]
        while True:
            yield from chance.sample(dealt, len(dealt))
