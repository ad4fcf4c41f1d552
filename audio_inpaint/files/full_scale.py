"""Known samples beyond full scale, which integers cannot hold: counted before any work, or scaled to fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.files.formats import BITS, target
from audio_inpaint.files.media import MEDIA, holds_integers
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap, gap_mask, within


@dataclass(frozen=True)
class Room:
    """What an output can hold.

    Attributes:
        bits: of its integers; None where it has room for any number, or the input has no such samples.
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
    bits = holds_integers(Path(output)) if container == MEDIA else BITS.get(subtype)
    if bits is None or reader.subtype in BITS:
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
