"""The deep-prior presets as methods: the fit of the `deep_prior` command, on one signal, in a temporary folder."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import yaml
from torch import Tensor

from audio_inpaint.files.configs import FOLDER, find
from audio_inpaint.files.shipped import title
from audio_inpaint.gaps import mask_gaps
from audio_inpaint.inference import LONGEST, Region
from audio_inpaint.methods.contract import damaged, repaired


def presets() -> dict[str, str]:
    """Name the deep-prior configs and describe each by the first line of its file."""
    return {path.stem: title(path) for path in sorted(FOLDER.glob("dpai*.yaml"))}


class DeepPrior:
    """An untrained network fitted to the known part of the signal.

    Args:
        name: of a config, as `presets` has it, or a config file.
        overrides: options of the `deep_prior` command, such as `--trainer.max_steps=100`.

    Attributes:
        context: audio in seconds that the fit sees on each side of a gap: the config's `context`, or the whole file.
        longest: seconds from the first to the last gap of one fit: the config's `longest`, or 30.

    Source: Miotello et al., 2023, "Deep prior-based audio inpainting using multi-resolution harmonic convolutional
    neural networks".
    """

    def __init__(self, name: str, *overrides: str):
        self.name, self.overrides = name, overrides
        config = yaml.safe_load(find(name).read_text(encoding="utf-8"))
        self.context = float(config.get("context", math.inf))
        self.longest = float(config.get("longest", LONGEST))

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (time,) is true."""
        known = damaged(audio, gap)
        if not gap.any() or gap.all():
            return repaired(audio, gap, known)
        return repaired(audio, gap, self._fit(known, gap, sample_rate))

    def columns(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore from the columns of a spectrogram that are centred in no gap, as the paper's published code does.

        Args:
            audio: (channel, time), right wherever an observed column reaches; what it holds elsewhere is not looked at.
            gap: (time,) boolean; columns centred in it are lost.
            sample_rate: Hz.

        Returns:
            (channel, time): the network's output with the observed columns put back.
        """
        return self._fit(audio.double(), gap, sample_rate, "--data.init_args.form=columns", truth=audio).to(audio)

    def _fit(
        self, audio: Tensor, gap: Tensor, sample_rate: int, *overrides: str, truth: Tensor | None = None
    ) -> Tensor:
        from lightning.pytorch.utilities.seed import isolate_rng

        from audio_inpaint.training.cli import Preset, quiet
        from audio_inpaint.training.deep_prior_files import fit

        region = Region(0, tuple(range(len(audio))), audio, gap, tuple(mask_gaps(gap)), sample_rate)
        with quiet(), isolate_rng(), tempfile.TemporaryDirectory() as folder:
            preset = Preset(self.name, (*self.overrides, *overrides))
            return fit(preset.fresh, Path(folder), region, truth, preset.seeds)
