"""A trained context encoder as a method: any gap, rate and number of channels, through segments of the trained size.

Source: Marafioti et al., 2019, "A context encoder for audio inpainting".
"""

from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.methods.contract import channels_alike, repaired
from audio_inpaint.methods.foreign import network_class
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.options import Range, checked
from audio_inpaint.nn.checkpoints import load

_BATCH = 64  # segments at a time, which bounds memory


@checked
class ContextEncoder:
    """Restore each gap by a network that was trained on one length of gap and one sample rate.

    First `Janssen` fills every gap, and the network's fill then takes its place. So the network always has contexts,
    whatever they lack being Janssen's guess: samples of another gap nearby, of the same gap, or beyond the end of the
    recording.

    - The network's magnitudes and those of Janssen's fill are averaged, and get the phases of the latter, which suit
      the recording far better than what can be reconstructed from magnitudes alone (docs/context_encoder.md);
      `phases="reconstructed"` is the paper's way.
    - A gap shorter than the trained one is enlarged, on both sides by default (the paper's Table 6).
    - A longer one is restored in pieces of the trained length, from both ends inwards, the last one in the middle.
    - At another sample rate, the audio goes down (or up) to the trained one and the network's correction of Janssen's
      fill comes back: what the trained rate cannot hold is Janssen's.

    Args:
        checkpoint: the file of a trained network.
        enlarge: where a short gap grows: "centred", "forwards" or "backwards".
        phases: of a network that gives magnitudes: "filled", of the first fill, or "reconstructed".
        share: of the network's magnitudes, the rest being the first fill's, where phases are "filled".
        network: the class of a network from outside the package, `path/to/file.py:Class` or `package.module:Class`.
            A checkpoint that has such a network is refused unless it is named here, since its code is run.

    Attributes:
        context: audio in seconds that is used on each side of a gap.

    Raises:
        InputError: the checkpoint cannot be used.
        ValueError: an option is out of range.
    """

    gpu = True

    def __init__(
        self,
        checkpoint: Path,
        enlarge: Literal["centred", "forwards", "backwards"] = "centred",
        phases: Literal["filled", "reconstructed"] = "filled",
        share: Annotated[float, Range(0, 1)] = 0.5,
        network: str | None = None,
    ):
        self.inpainter = load(checkpoint, network_class(network))
        self.enlarge = enlarge
        self.improves = phases == "filled" and self.inpainter.output == "magnitude"
        self.first, self.share = Janssen(), share
        segment = self.inpainter.segment
        # the network's, a trained gap more where a short one is enlarged, and a margin for the resampling
        self.context = (segment.context + segment.gap) / segment.sample_rate + 0.02

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        return channels_alike(self.restore, audio, gap, sample_rate)

    @torch.no_grad()
    def restore(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore channels that lost the same samples, gap (time,); the network computes where the audio is."""
        self.inpainter.to(audio.device)
        audio, gap = audio.cpu(), gap.cpu()
        filled = self.first.restore(audio, gap, sample_rate)
        if gap.all() or not gap.any():
            return repaired(audio, gap, filled)
        rate = self.inpainter.segment.sample_rate
        low = resampled(filled, sample_rate, rate) if rate != sample_rate else filled
        runs = [
            Gap(run.start * rate // sample_rate, min(-(-run.stop * rate // sample_rate), low.shape[-1]))
            for run in mask_gaps(gap)
        ]
        change = self._restored(low, runs) - low
        if rate != sample_rate:
            change = resampled(change, rate, sample_rate)
            change = pad(change, (0, max(0, filled.shape[-1] - change.shape[-1])))[..., : filled.shape[-1]]
        return repaired(audio, gap, filled + change)

    def _restored(self, audio: Tensor, gaps: list[Gap]) -> Tensor:
        """Replace the gaps of audio (channel, time) at the trained rate by what the network makes of them."""
        segment = self.inpainter.segment
        around = segment.context + segment.gap
        audio = pad(audio, (around, around))
        pieces = [_pieces(gap, segment.gap) for gap in gaps]
        for turn in range(max(map(len, pieces))):
            now = [found[turn] for found in pieces if turn < len(found)]
            starts = [around + self._start(piece) - segment.context for piece in now]
            segments = torch.cat([audio[:, start : start + segment.length] for start in starts])
            lost = torch.cat([self._lost(piece).expand(len(audio), -1) for piece in now])
            batches = zip(segments.float().split(_BATCH), lost.split(_BATCH), strict=True)
            restored = torch.cat([self._batch(*batch) for batch in batches])
            for number, (start, piece) in enumerate(zip(starts, now, strict=True)):
                first, last = around + piece.start, around + piece.stop
                own = restored[number * len(audio) : (number + 1) * len(audio)]
                audio[:, first:last] = own[:, first - start : last - start].to(audio)
        return audio[:, around:-around]

    def _batch(self, segments: Tensor, lost: Tensor) -> Tensor:
        """Let the network restore segments (batch, time) on its device."""
        segments = segments.to(self.inpainter.stft.window.device)
        return self.inpainter.improve(segments, lost, self.share) if self.improves else self.inpainter.restore(segments)

    def _start(self, piece: Gap) -> int:
        """The first sample of the network's gap, in whose place the piece lies."""
        spare = self.inpainter.segment.gap - (piece.stop - piece.start)
        return piece.start - {"centred": spare // 2, "forwards": 0, "backwards": spare}[self.enlarge]

    def _lost(self, piece: Gap) -> Tensor:
        """Where a piece lies in its segment, (time,) boolean."""
        first = self.inpainter.segment.context + piece.start - self._start(piece)
        return gap_mask([Gap(first, first + len(piece))], self.inpainter.segment.length)[0]


def _pieces(gap: Gap, longest: int) -> list[Gap]:
    """Cut a gap into pieces in the order of restoration: from both ends inwards."""
    first, last, pieces = gap.start, gap.stop, []
    while last - first > longest:
        if len(pieces) % 2:
            last -= longest
            pieces.append(Gap(last, last + longest))
        else:
            pieces.append(Gap(first, first + longest))
            first += longest
    return [*pieces, Gap(first, last)]
