"""A data set of one damaged signal: what a deep prior is fitted to."""

from dataclasses import dataclass
from typing import Literal

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import mask_gaps


@dataclass(frozen=True)
class Signal:
    """One damaged signal.

    Attributes:
        audio: (channel, time); the samples in `gap` are zeros, whatever the file holds there. In the `columns` form it
            is the undamaged signal, of which only the columns that are centred in no gap may be looked at.
        gap: (time,) boolean, true = lost.
        withheld: (time,) boolean: known samples kept from the fit, to validate it where no truth is known.
        sample_rate: Hz.
        truth: (channel, time), the undamaged signal, if the user has it: for validation only.
        form: the problem form, lost samples (`time`) or lost spectrogram columns (`columns`).
    """

    audio: Tensor
    gap: Tensor
    withheld: Tensor
    sample_rate: int
    truth: Tensor | None = None
    form: Literal["time", "columns"] = "time"

    @property
    def lost(self) -> Tensor:
        """(time,) boolean: what the fit must not see."""
        return self.gap | self.withheld

    @property
    def judged(self) -> tuple[Tensor, Tensor]:
        """What a reconstruction is compared with, and where: the truth in the gaps, or the withheld samples."""
        return (self.audio, self.withheld) if self.truth is None else (self.truth, self.gap)


def withhold(gap: Tensor, count: int, margin: int, seed: int) -> Tensor:
    """Choose stretches of known samples, as long as the median gap, at least `margin` from every gap and each other.

    Args:
        gap: (time,) boolean, true = lost.
        count: how many; fewer where the signal has no room for them.
        margin: samples left free around each.
        seed: of their places.

    Returns:
        (time,) boolean, true = withheld.
    """
    withheld = torch.zeros_like(gap)
    lengths = [g.stop - g.start for g in mask_gaps(gap)]
    if not lengths or not count:
        return withheld
    length, random = int(np.median(lengths)), np.random.default_rng(seed)
    taken = gap.numpy().copy()
    for _ in range(count):
        busy = np.concatenate([[0], np.cumsum(taken)])
        starts = np.arange(margin, len(taken) - length - margin + 1)
        free = starts[busy[starts + length + margin] == busy[starts - margin]]
        if not len(free):
            break
        start = int(random.choice(free))
        withheld[start : start + length] = True
        taken[start : start + length] = True
    return withheld


class _Repeated(Dataset):
    """The one item, as often as there are steps in an epoch."""

    def __init__(self, item: Signal, length: int):
        self.item, self.length = item, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Signal:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return self.item


class SingleSignal(lightning.LightningDataModule):
    """One damaged signal, shown at every step.

    Args:
        withheld_stretches: stretches of known samples kept from the fit to validate it, when the truth is not known.
        validate_every: steps between validations.
        seed: of the places of the withheld stretches.
        form: the problem form. `columns` masks columns of an undamaged signal's spectrogram, as the paper's eq. (3):
            an experiment, since a damaged file has no such columns.
    """

    def __init__(
        self,
        withheld_stretches: int = 2,
        validate_every: int = 50,
        seed: int = 0,
        form: Literal["time", "columns"] = "time",
    ):
        super().__init__()
        if form not in ("time", "columns"):
            raise InputError(f"the problem form is time or columns, not {form!r}")
        self.form = form
        self.withheld_stretches, self.validate_every, self.seed = withheld_stretches, validate_every, seed
        self.signal: Signal | None = None

    def load(self, audio: Tensor, gap: Tensor, sample_rate: int, truth: Tensor | None = None) -> None:
        """Take the signal of the next fit.

        Args:
            audio: (channel, time); its lost samples are replaced by zeros here and seen by nobody.
            gap: (time,) boolean, true = lost.
            sample_rate: Hz.
            truth: (channel, time), if known.

        Raises:
            InputError: the truth does not fit, nothing is lost, or nothing is known.
        """
        if truth is not None and truth.shape != audio.shape:
            raise InputError(
                f"the truth has {truth.shape[0]} channels of {truth.shape[1]} samples, the damaged file "
                f"{audio.shape[0]} of {audio.shape[1]}: give the undamaged version of the same file"
            )
        if not gap.any() or gap.all():
            raise InputError("a deep prior needs lost samples to fill and known ones to fit")
        if self.form == "columns" and truth is None:
            raise InputError("the columns form masks an undamaged signal's spectrogram: give that signal as the truth")
        known = (truth if self.form == "columns" else torch.where(gap, 0.0, audio)).to(torch.float32)
        count = self.withheld_stretches if truth is None else 0
        withheld = withhold(gap, count, sample_rate // 20, self.seed)
        truth = None if truth is None else truth.to(torch.float32)
        self.signal = Signal(known, gap, withheld, sample_rate, truth, self.form)

    def setup(self, stage: str) -> None:
        """Refuse to go on without a signal.

        Raises:
            InputError: none is loaded.
        """
        if self.signal is None:
            raise InputError("no signal is loaded: use the deep_prior command, or SingleSignal.load")

    def _loader(self, length: int) -> DataLoader:
        return DataLoader(_Repeated(self.signal, length), batch_size=None)

    def train_dataloader(self) -> DataLoader:
        """The signal, once a step; an epoch ends where a validation is due."""
        return self._loader(self.validate_every)

    def val_dataloader(self) -> DataLoader:
        """The signal, once."""
        return self._loader(1)

    def transfer_batch_to_device(self, batch: Signal, device: torch.device, dataloader_idx: int) -> Signal:
        """Move the tensors of a signal."""
        move = {name: value.to(device) for name, value in vars(batch).items() if isinstance(value, Tensor)}
        return Signal(**{**vars(batch), **move})
