"""Local transplant: into each gap goes what stands, elsewhere in the recording, between surroundings like the gap's."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from audio_inpaint.dsp.template_search import TemplateSearch
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.contract import channels_alike, damaged, repaired
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.options import Context, Seconds, checked

_FADE = 0.005  # seconds at both edges of a gap in which Janssen's fill leads over to the transplant


@checked
@dataclass(frozen=True)
class LocalTransplant:
    """Fill each gap with the place whose surroundings correlate best with the gap's, scaled by one gain to fit them.

    It is the similarity graph for short gaps: nothing outside the gap is altered. A gap keeps Janssen's fill where no
    place that is known throughout resembles its surroundings.

    Args:
        side: seconds compared on each side of a gap; half a second in all.
    """

    side: Seconds = 0.25
    context: Context = 180.0

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        return channels_alike(self.restore, audio, gap, sample_rate)

    def restore(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore channels that lost the same samples, gap (time,)."""
        known = damaged(audio, gap)
        runs = mask_gaps(gap)
        if not runs or gap.all():
            return repaired(audio, gap, known)
        filled = Janssen().restore(known, gap, sample_rate)
        side, end = min(round(self.side * sample_rate), len(gap)), len(gap)
        longest = 2 * side + max(run.stop - run.start for run in runs)
        search = TemplateSearch(known, gap, sample_rate, longest)
        for run in runs:
            span = Gap(max(0, run.start - side), min(end, run.stop + side))
            for match in search(span, run, (-span.start, end - span.stop), count=1, spacing=1):
                there = slice(run.start + match.lag, run.stop + match.lag)
                source = fitted_gain(known, gap, span, match.lag) * known[:, there]
                weight = edge_fade(run.stop - run.start, round(_FADE * sample_rate)).to(known)
                filled[:, run.start : run.stop].lerp_(source, weight)
        return repaired(audio, gap, filled)


def fitted_gain(known: Tensor, gap: Tensor, span: Gap, lag: int) -> Tensor:
    """Fit, by least squares, the gain that carries a segment `lag` samples later to `span`, where both are known.

    Args:
        known: (channel, time), lost samples zero.
        gap: true = lost, (time,).
        span: what the segment is compared with.
        lag: samples.
    """
    here, there = slice(span.start, span.stop), slice(span.start + lag, span.stop + lag)
    target, segment = known[:, here], known[:, there] * ~gap[here]
    return (target * segment).sum() / segment.square().sum()


def edge_fade(length: int, fade: int) -> Tensor:
    """Weights of a fill that rise, as a squared sine, over `fade` samples from both edges of a gap, (length,)."""
    steps = torch.arange(1, length + 1, dtype=torch.float64)
    distance = torch.minimum(steps, steps.flip(0)) / (fade + 1)
    return (math.pi / 2 * distance.clamp(max=1)).sin().square()
