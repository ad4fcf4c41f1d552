"""A data set of one damaged signal: what a deep prior is fitted to."""

from typing import Literal

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from audio_inpaint.errors import InputError
from audio_inpaint.methods.deep_prior.signal import Signal, damaged_signal


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
        self._moved: Signal | None = None  # to the device of the fit

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
        self.signal = damaged_signal(audio, gap, sample_rate, truth, self.form, self.withheld_stretches, self.seed)
        self._moved = None

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
        """Move the signal, once: every step sees the same tensors."""
        if self._moved is None or self._moved.audio.device != device:
            self._moved = batch.to(device)
        return self._moved
