"""Validation and test sets: a fixed choice of segments, in memory, shared out to the ranks without repetition."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.data.recordings import decode, length, listed, recordings
from audio_inpaint.training.data.streams import starts


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
    ):
        segments = torch.cat([torch.empty(0, segment.length), *_chosen(shards, segment, hop, most)])
        total = len(segments)
        if total < ranks:
            raise InputError(
                f"{listed(shards)} hold {total} segments of {segment.length} samples whose gap is not silent, every "
                f"{hop} samples, for {ranks} processes: add recordings or lower the hop"
            )
        order = torch.randperm(total, generator=torch.Generator().manual_seed(0))
        batches = min(-(-total // (ranks * batch_size)), total // ranks)
        self._batches = torch.tensor_split(segments[order[rank::ranks]], batches)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._batches)


def _chosen(shards: Sequence[str], segment: Segment, hop: int, most: int | None) -> Iterator[Tensor]:
    """The chosen segments of each recording, (segment, time)."""
    counts = [len(starts(length(r), segment, hop)) for shard in shards for r in recordings(shard, suffixes=["json"])]
    total = sum(counts)
    most = total if most is None else min(most, total)
    wanted = np.zeros(total, bool)
    wanted[np.arange(most) * total // max(most, 1)] = True
    everything = (recording for shard in shards for recording in recordings(shard))
    for recording, chosen in zip(everything, np.split(wanted, np.cumsum(counts))[:-1], strict=True):
        if chosen.any():
            audio = decode(recording, segment.sample_rate)
            segments = audio.unfold(0, segment.length, hop)[torch.from_numpy(chosen)]
            yield segments[segment.audible(segments)]
