"""A least-squares adversary (Mao et al., 2017) that learns to tell refined fills from what was recorded."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.methods.refiner.rows import to_rows
from audio_inpaint.training.data.fills import Filled

_QUIET = 1e-4  # of the mean magnitude: what is quieter is all the same


class Adversary(nn.Module):
    """Two losses at once: what a fill loses by being told from the recording, and what the judge loses by its errors.

    Each leaves the other's network alone, so that one optimizer can follow the gradient of their sum.

    Args:
        judge: maps of a spectrogram, (gap, 2, row, frame), to verdicts, (gap, 1, patch, frame).
    """

    def __init__(self, judge: nn.Module):
        super().__init__()
        self.judge = judge

    def forward(self, audio: Tensor, batch: Filled) -> tuple[Tensor, Tensor]:
        """Return the losses of finished waveforms, (gap, channel, time), and of the judge."""
        stft = STFT.at(batch.observation.sample_rate, 512, 128).to(audio.device)
        part = stft.lost_share(batch.lost)
        filled, recorded = (self._maps(x, part, stft) for x in (audio, batch.truth))
        frozen = {name: value.detach() for name, value in self.judge.state_dict().items()}
        believed = functional_call(self.judge, frozen, (filled,))
        verdicts = self.judge(torch.cat([filled.detach(), recorded]))
        false, true = verdicts.chunk(2)
        return _mean((believed - 1).square(), part), 0.5 * _mean(false.square() + (true - 1).square(), part)

    @staticmethod
    def _maps(audio: Tensor, part: Tensor, stft: STFT) -> Tensor:
        spectrum = stft(audio)
        magnitude = to_rows((spectrum.real.square() + spectrum.imag.square()).sum(-3) + 1e-12).sqrt()
        level = (magnitude / magnitude.detach().mean((-2, -1), keepdim=True) + _QUIET).log()
        return torch.stack([level, part.unsqueeze(-2).expand_as(level)], 1)


def _mean(losses: Tensor, part: Tensor) -> Tensor:
    part = part[:, None, None]
    return (losses * part).sum() / (part.sum() * losses.shape[2])
