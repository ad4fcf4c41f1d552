"""What is known of a fill before it is refined: its surroundings, the candidates, and how these did in rehearsal."""

import io
import zipfile
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.gaps import Gap

# Seconds beside a gap that a refiner may look at.
REACH = 0.3


@dataclass(frozen=True)
class Evidence:
    """A gap that was filled in several ways, as were gaps beside it whose truth is known.

    Args:
        audio: the surroundings, (channel, time); what stands in the gap is of no account.
        hole: the gap in them.
        sample_rate: Hz.
        fills: the candidates, of which the first is Janssen's interpolation alone, (way, channel, lost).
        weights: their shares in the fill, (way,).
        rehearsals: the candidates of the rehearsed gaps, (rehearsal, way, channel, lost).
        truths: what stood there, (rehearsal, channel, lost).
        expected: signal-to-noise ratio to expect of the fill, dB.
    """

    audio: Tensor
    hole: Gap
    sample_rate: int
    fills: Tensor
    weights: Tensor
    rehearsals: Tensor
    truths: Tensor
    expected: float

    @property
    def mix(self) -> Tensor:
        """The fill, (channel, lost)."""
        return torch.tensordot(self.weights, self.fills, 1)

    def packed(self) -> bytes:
        """Write as a NumPy archive, in single precision."""
        buffer, values = io.BytesIO(), {one.name: getattr(self, one.name) for one in fields(self)}
        values["hole"] = (self.hole.start, self.hole.stop)
        kept = {name: v.float().numpy() if isinstance(v, Tensor) else np.array(v) for name, v in values.items()}
        np.savez(buffer, **kept)
        return buffer.getvalue()

    @classmethod
    def unpacked(cls, content: bytes) -> "Evidence":
        """Read what `packed` wrote.

        Raises:
            ValueError: it is something else, or damaged.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                values = {one.name: archive[one.name] for one in fields(cls)}
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"it is no filled gap ({error})") from error
        tensors = {name: torch.from_numpy(v) for name, v in values.items() if v.ndim and name != "hole"}
        hole = Gap(*map(int, values["hole"]))
        return cls(**tensors, hole=hole, sample_rate=int(values["sample_rate"]), expected=float(values["expected"]))
