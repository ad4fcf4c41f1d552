"""Blocks of a recording with their surroundings: each damaged stretch lies whole in one of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio_inpaint.files.recording import Reader

BLOCK_S = 10.0
CONTEXT_S = 0.3  # before and after a block: the 0.1 s around a stretch, and two blocks of an autoregressive model
HOP_S = 0.0005  # half the shortest run that is looked for, so that every such run holds a whole hop
_QUIET = 10 ** (-30 / 20)  # of the block's peak: a block that ends more quietly may end within a gap
_STEP_S = 1.0
_RATES = 400_000  # samples a second in all channels, from which on blocks get shorter: their memory is bounded
_LOSSY = {"VORBIS", "OPUS"}
_LOUD = 10.0  # a level that no recording in units of full scale has
_USUAL = 0.1  # the level that one in other units gets
_LARGEST = 30.0  # that is left of samples beyond any level: running sums would lose what is quiet beside larger ones


@dataclass(frozen=True)
class Block:
    """A piece of a recording, with context.

    Attributes:
        audio: float32 (channel, time); NaN and infinite samples are zero, and a recording far beyond full scale is
            turned down.
        broken: where they were, boolean (channel, time), or None if there are none.
        offset: position of its first sample in the recording.
        first: where the block itself begins, after the context.
        last: where it ends: a stretch belongs to the block in which it begins.
        at_start: whether its first sample is the recording's.
        at_end: whether its last sample is the recording's.
        lossy: whether a lossy coder smeared the edges of gaps.
        sample_rate: Hz.
    """

    audio: np.ndarray
    broken: np.ndarray | None
    offset: int
    first: int
    last: int
    at_start: bool
    at_end: bool
    lossy: bool
    sample_rate: int

    def owns(self, start: int) -> bool:
        """Whether a stretch that begins there belongs to this block."""
        return self.first <= start < self.last

    def samples(self, seconds: float) -> int:
        """Return a number of seconds in samples."""
        return round(seconds * self.sample_rate)


def hop_length(sample_rate: int) -> int:
    """Return the samples in half a millisecond, two at least."""
    return max(2, int(HOP_S * sample_rate))


def blocks(reader: Reader, longest: float, ahead: float = CONTEXT_S) -> Iterator[Block]:
    """Yield a recording's blocks; one that ends quietly goes on until the gap in which it may end is over.

    Args:
        reader: the recording.
        longest: seconds by which a block grows at most.
        ahead: seconds after a block, so that loud damage that begins in it is seen whole.
    """
    rate, hop = reader.sample_rate, hop_length(reader.sample_rate)
    seconds = max(1.0, BLOCK_S * min(1.0, _RATES / (rate * reader.channels)))
    block, context, after = (-(-round(each * rate) // hop) * hop for each in (seconds, CONTEXT_S, ahead))
    lossy = reader.subtype in _LOSSY or reader.subtype.startswith("MPEG")

    def read(start: int, stop: int) -> np.ndarray:
        start, stop = (min(position, reader.length) for position in (start, max(start, stop)))
        return reader.read(start, stop).numpy().astype(np.float32)

    audio, offset, first = np.zeros((reader.channels, 0), np.float32), 0, 0
    gain = 1.0
    while True:
        wanted = first + block + after  # of which a block that grew may have left more than enough
        audio = _with(audio, read(offset + audio.shape[1], offset + wanted))
        while offset + audio.shape[1] < reader.length and audio.shape[1] < wanted + round(longest * rate):
            if not _ends_quietly(audio, context):
                break
            end = offset + audio.shape[1]
            audio = _with(audio, read(end, end + round(_STEP_S * rate)))
        at_end = offset + first + block >= reader.length
        last = audio.shape[1] if at_end else first + block
        whole = offset + audio.shape[1] >= reader.length
        broken = None if np.isfinite(audio).all() else ~np.isfinite(audio)
        heard = audio if broken is None else np.where(broken, np.float32(0), audio)
        gain = min(gain, _gain(heard))
        if gain < 1 or np.abs(heard).max(initial=0) > _LARGEST:
            heard = (heard * gain).clip(-_LARGEST, _LARGEST).astype(np.float32)
        yield Block(heard, broken, offset, first, last, offset == 0, whole, lossy, rate)
        if at_end:
            return
        begin = max(first + block - context, 0)
        audio, offset, first = audio[:, begin:], offset + begin, first + block - begin


def _with(audio: np.ndarray, more: np.ndarray) -> np.ndarray:
    return np.concatenate([audio, more], axis=1) if more.shape[1] else audio


def _gain(x: np.ndarray) -> float:
    """Return what turns samples in units of their own, or absurd ones, down to a usual level; else 1."""
    heard = np.abs(x[np.abs(x) > 0]) if np.abs(x).max(initial=0) > _LOUD else x[:0]
    middle = float(np.median(heard)) if heard.size else 0.0
    return _USUAL / middle if middle > _LOUD else 1.0


def _ends_quietly(audio: np.ndarray, context: int) -> bool:
    """Whether a channel's last 30 ms are far below its loudest, or stand still."""
    audio = np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0) / 2  # the spread of the largest floats is one, too
    spread, whole = (np.ptp(part, axis=1) for part in (audio[:, -(context // 10 or 1) :], audio))
    return bool(((spread <= _QUIET * whole) & (whole > 0)).any())
