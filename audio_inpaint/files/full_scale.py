"""Known samples beyond full scale, which integers cannot hold, nor players of lossy files: counted, or scaled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.files.formats import BITS, LOSSLESS, target
from audio_inpaint.files.media import MEDIA, encodes_floats, holds_floats, holds_integers
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap, gap_mask, within

_PLAYED = 16  # bits of what most players make of a lossy file


@dataclass(frozen=True)
class Room:
    """What an output can hold.

    Attributes:
        bits: of its integers, or of those that it is played in if it is lossy; None where it has room for any number,
            or the input has no such samples.
        peak: of the known samples, full scale being 1.
        beyond: how many of them lie beyond full scale.
    """

    bits: int | None
    peak: float = 0.0
    beyond: int = 0

    def gain(self, fills: Sequence[Tensor]) -> float:
        """Return by what known samples and fills are multiplied so that none clips: 1 where none would."""
        if self.bits is None:
            return 1.0
        peak = max([self.peak, *(float(fill.abs().max()) for fill in fills if fill.numel())])
        return (1 - 2.0 ** (1 - self.bits)) / peak if peak > 1 else 1.0


def checked_room(reader: Reader, output: str | Path, gaps: Sequence[Gap], normalise: bool = False) -> Room:
    """Measure whether an output can hold the known samples of a recording.

    Args:
        reader: the recording.
        output: the file to write; its suffix names the format.
        gaps: lost samples, which may be anything.
        normalise: whether all will be scaled to fit.

    Raises:
        InputError: it cannot, or there is no such format.
    """
    container, subtype = target(reader, Path(output))
    bits = _bits(reader, Path(output), container, subtype)
    if bits is None:
        return Room(None)
    peak, beyond = 0.0, 0
    for start, block in reader.blocks():
        lost = gap_mask(within(gaps, start, start + block.shape[-1]), block.shape[-1], len(block))
        known = block.masked_fill(lost, 0)
        if not bool(known.isfinite().all()):
            raise InputError(f"{reader.path} has samples that are no numbers, which {container} cannot hold")
        peak, beyond = max(peak, float(known.abs().max())), beyond + int((known.abs() > 1).sum())
    if beyond and not normalise:
        samples = "1 sample" if beyond == 1 else f"{beyond:,} samples"
        raise InputError(
            f"{samples} of {reader.path} would clip, since {Path(output).suffix} holds nothing beyond full scale: "
            "give --normalise or a float format such as .wav"
        )
    return Room(bits, peak, beyond)


def _bits(reader: Reader, output: Path, container: str, subtype: str) -> int | None:
    """Return the bits of a room that is smaller than that of the input; None if it is not.

    What is lossy already was beyond full scale before, and is no worse when it is encoded anew.
    """
    if reader.subtype in BITS:
        return None
    media = container == MEDIA
    bits = holds_integers(output) if media else BITS.get(subtype)
    if bits is not None:
        return bits
    floats = reader.subtype in LOSSLESS and (reader.format != MEDIA or holds_floats(reader.path))
    lossy = not encodes_floats(reader.path, output) if media else subtype not in LOSSLESS
    return _PLAYED if floats and lossy else None
