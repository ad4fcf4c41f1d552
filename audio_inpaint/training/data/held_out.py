"""Validation and test sets: a fixed choice of segments, in memory, shared out to the ranks without repetition."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.data.recordings import DamagedRecording, PassedOver, decode, length, listed, recordings
from audio_inpaint.training.data.streams import Piece, loud, starts
from audio_inpaint.training.data.varied_gaps import Gapped, VariedGaps, gapped


class HeldOut:
    """Batches of one rank's share of a fixed set, which is the same for any number of ranks.

    Each segment is on one rank. All ranks have as many batches, none empty, since they may wait for each other at each;
    their sizes differ by one at most. The order is a fixed random one: the first segments stand for all. Every rank
    reads the whole set, since only the audio tells which gaps are silent, and keeps its share in memory.

    Args:
        shards: paths, URLs or commands.
        segment: sizes.
        hop: samples from one segment to the next.
        most: segments on all ranks together, evenly spread over the recordings; None for all.
        batch_size: segments of one rank.
        rank: 0 to `ranks` - 1.
        ranks: processes that share the set.
        gaps: random ones, the same in every run; None: the segment's.
        cache: folder of fetched shards.
        damaged: pass over damaged recordings, with a warning.

    Raises:
        InputError: a shard is damaged, or there are fewer segments than ranks.
    """

    def __init__(
        self,
        shards: Sequence[str],
        segment: Segment,
        hop: int,
        most: int | None,
        batch_size: int,
        rank: int,
        ranks: int,
        gaps: VariedGaps | None = None,
        cache: Path | None = None,
        damaged: bool = False,
    ):
        passed_over = PassedOver(damaged)
        pieces = list(_chosen(shards, segment, hop, most, gaps, cache, passed_over))
        if passed_over:
            rank_zero_warn(str(passed_over))
        total = len(pieces)
        if total < ranks:
            raise InputError(
                f"{listed(shards)} hold {total} segments of {segment.length} samples whose gap is not silent, every "
                f"{hop} samples, for {ranks} processes: add recordings or lower the hop"
                f"{f' ({passed_over})' if passed_over else ''}"
            )
        order = torch.randperm(total, generator=torch.Generator().manual_seed(0))
        batches = min(-(-total // (ranks * batch_size)), total // ranks)
        self._batches = [_batch([pieces[i] for i in share]) for share in order[rank::ranks].tensor_split(batches)]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Tensor | Gapped]:
        return iter(self._batches)


def _batch(pieces: list[Piece]) -> Tensor | Gapped:
    audio, gaps = torch.stack([audio for audio, _ in pieces]), [gap for _, gap in pieces]
    return audio if None in gaps else gapped(audio, gaps)


def _chosen(
    shards: Sequence[str],
    segment: Segment,
    hop: int,
    most: int | None,
    gaps: VariedGaps | None,
    cache: Path | None,
    passed_over: PassedOver,
) -> Iterator[Piece]:
    """The chosen segments of each recording."""
    shards, counts = list(dict.fromkeys(shards)), {}
    for shard in shards:
        for recording in recordings(shard, suffixes=["json"], cache=cache, passed_over=passed_over):
            try:
                counts[shard, recording["__key__"]] = len(starts(length(recording), segment, hop))
            except DamagedRecording as error:
                passed_over.add(shard, recording["__key__"], error)
    total = sum(counts.values())
    most = total if most is None else min(most, total)
    wanted = np.zeros(total, bool)
    wanted[np.arange(most) * total // max(most, 1)] = True
    chosen = dict(zip(counts, np.split(wanted, np.cumsum(list(counts.values())))[:-1], strict=True))
    chance = random.Random(0)
    for shard in shards:
        for recording in recordings(shard, cache=cache, passed_over=passed_over):
            own = chosen.get((shard, recording["__key__"]), np.zeros(0, bool))
            if not own.any():
                continue
            try:
                audio = decode(recording, segment.sample_rate)
            except DamagedRecording as error:
                passed_over.add(shard, recording["__key__"], error)
                continue
            yield from loud(audio.unfold(0, segment.length, hop)[torch.from_numpy(own)], segment, chance, gaps)
