"""The deep prior as a method: an untrained network fitted to the known part of the signal."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import Tensor
from tqdm import tqdm

from audio_inpaint.errors import InputError
from audio_inpaint.methods.contract import channels_alike, damaged, repaired
from audio_inpaint.methods.deep_prior.config import Config
from audio_inpaint.methods.deep_prior.fit import Each
from audio_inpaint.methods.options import Context, Count, Range, checked
from audio_inpaint.methods.progress import advanced


@checked
class DeepPrior:
    """Fit an untrained network to the known part of the signal, and fill with what it makes of the rest.

    Args:
        name: of a config, as `presets` has it, or a config file, or a config; the options take the place of its values.
        steps: most steps of a fit.
        learning_rate: of Adam.
        averaging: decay of the average of the outputs, which is then the result; 0 takes the last output.
        enough: a fit ends early where its loss falls below this share of silence's; 0 never.
        level: that the known part is scaled to.
        seed: random seed of the network's weights.
        seeds: fits from different noise, whose outputs are averaged.
        precision: of the network, "bf16-mixed" or "32-true".
        context: seconds of audio around the gaps that are fitted.
        longest: seconds from the first to the last gap of one fit.

    Attributes:
        context: seconds of audio that a fit sees on each side of a gap; infinite for the whole recording.
        longest: seconds from the first to the last gap of one fit.

    Raises:
        InputError: there is no such config, or a value in it is out of range.
        ValueError: an option is out of range.

    Source: Miotello et al., 2023, "Deep prior-based audio inpainting using multi-resolution harmonic convolutional
    neural networks".
    """

    gpu = True

    def __init__(
        self,
        name: str | Config,
        *,
        steps: Count | None = None,
        learning_rate: Annotated[float, Range(1e-8, 10)] | None = None,  # below, float32 weights stay as they are
        averaging: Annotated[float, Range(0, 0.9999)] | None = None,
        enough: Annotated[float, Range(0, 1)] | None = None,
        level: Annotated[float, Range(0.001, 1000)] | None = None,
        seed: Annotated[int, Range(0, 2**32 - 1)] | None = None,
        seeds: Count | None = None,
        precision: Literal["bf16-mixed", "32-true"] | None = None,
        context: Context | None = None,
        longest: Context | None = None,
    ):
        given = {
            "steps": steps, "learning_rate": learning_rate, "averaging": averaging, "enough": enough, "level": level,
            "seed": seed, "seeds": seeds, "precision": precision, "context": context, "longest": longest,
        }  # fmt: skip
        config = Config.load(name) if isinstance(name, str) else name
        self.config = config.changed(**{option: value for option, value in given.items() if value is not None})
        for option in ("steps", "seeds"):
            if getattr(self.config, option) < 1:
                raise InputError(f"a deep prior needs at least one: give {option} above 0")
        self.context, self.longest = float(self.config.context), float(self.config.longest)
        if not (self.context > 0 and self.longest > 0):
            raise InputError("a deep prior needs audio around the gaps: give context and longest above 0 seconds")

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true, on the device of the audio."""
        return channels_alike(self._restored, audio, gap, sample_rate)

    def _restored(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        known = damaged(audio, gap)
        if gap.all():
            return repaired(audio, gap, known)
        signal = self.config.signal(known, gap, sample_rate)
        return repaired(audio, gap, self.config.restored(signal, self._bar))

    def columns(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore from the columns of a spectrogram that are centred in no gap, as the paper's published code does.

        Args:
            audio: (channel, time), right wherever an observed column reaches; what it holds elsewhere is not looked at.
            gap: (time,) boolean; columns centred in it are lost.
            sample_rate: Hz.

        Returns:
            (channel, time): the network's output with the observed columns put back.
        """
        signal = self.config.signal(audio, gap, sample_rate, truth=audio, form="columns")
        return self.config.restored(signal, self._bar).to(audio)

    def _bar(self, number: int) -> Each:
        """Return what shows the progress of a fit where standard error is a terminal."""
        title = "fit" if self.config.seeds == 1 else f"fit {number + 1} of {self.config.seeds}"
        bar = tqdm(total=self.config.steps, desc=title, unit="step", dynamic_ncols=True, leave=False, disable=None)

        def each(step: int, terms: dict[str, Tensor], restored: object) -> None:
            if not bar.disable:
                bar.set_postfix_str(f"loss {terms['total'].item():.2f}", refresh=False)
            bar.update()
            advanced((number + step / self.config.steps) / self.config.seeds)

        return each
