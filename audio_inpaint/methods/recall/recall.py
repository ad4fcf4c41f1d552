"""Recall: what a recording plays again elsewhere fills its gaps, and Janssen's interpolation restores what is left.

Autoregressive methods know a tenth of a second around a gap; loops, samples and re-struck notes repeat themselves,
often to the sample, anywhere in the file. The method is the package's own (docs/recall.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from torch import Tensor

from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.methods.burg import model_size
from audio_inpaint.methods.contract import alike, of_channels, silenced
from audio_inpaint.methods.explanation import Explanation
from audio_inpaint.methods.fill_level import missing_octaves
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.janssen import woven
from audio_inpaint.methods.options import Context, Count, Range, Seconds, checked
from audio_inpaint.methods.recall.explaining import SURE, between_silence, left_to_janssen
from audio_inpaint.methods.recall.guides import Guides, guides_of
from audio_inpaint.methods.recall.rehearsal import Trial
from audio_inpaint.methods.recall.scene import JANSSEN, Scene
from audio_inpaint.pool.excerpts import Pool

# Samples that are looked at to see whether a recording is silent: most are not from the start.
_GLANCE = 2**16


@checked
@dataclass(frozen=True)
class Recall:
    """Restore each gap from those segments of the recording whose surroundings are like its own.

    1. The segments are found by normalised cross-correlation of what surrounds the gap, all channels together.
    2. Their gains are fitted together, by ridge regression, to the surroundings.
    3. Of their sum those bands are kept that the surroundings have in common with it.
    4. Janssen's interpolation restores what this leaves over.
    5. This is done with gains fitted to several lengths, and without any, which is `Janssen`, there with several
       contexts. All these candidates are rehearsed on gaps of the same length cut beside the real one, whose truth is
       known, and mixed by the errors they made there.

    A gap longer than two of Janssen's contexts (0.26 s at 16 kHz) is compared by longer templates, and what is left
    over is continued from both sides. One at an end of the recording, one with too little known around it, one that
    nothing is like, and a long one of which less than half comes back in rehearsal are left to `Janssen`.

    Args:
        templates: seconds of the surroundings, on each side, that gains are fitted to; the longest is searched for, or
            the shortest for gaps shorter than that, and close ones.
        long_templates: the same for gaps longer than two of Janssen's contexts, a beat, a bar: each is searched for.
        contexts: of the candidates without recall, in Janssen's contexts, the first being 1, his own: sound that
            changes wants short ones.
        matches: segments that are added up, at most.
        responses: odd numbers of coefficients by which a lost channel is predicted from the others, at most 129.
        context: seconds searched on each side of a gap.

    Raises:
        ValueError: an option is out of range, there are no templates, or contexts do not begin with 1.
    """

    templates: tuple[Seconds, ...] = (0.032, 0.064, 0.128)
    long_templates: tuple[Seconds, ...] = (0.25, 1.0)
    contexts: tuple[Annotated[float, Range(0.05, 10)], ...] = (1.0, 1.5, 0.25, 0.1875, 2.0, 0.5)
    matches: Count = 16
    responses: tuple[Count, ...] = (1, 33, 129)
    context: Context = 180.0

    def __post_init__(self):
        if not self.templates:
            raise ValueError("templates are one length at least, such as [0.064]")
        if not self.contexts or self.contexts[0] != 1:
            raise ValueError("contexts begin with 1, Janssen's own")

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        return self.explain(audio, gap, sample_rate, mask_gaps(gap))[0]

    @torch.no_grad()
    def explain(
        self,
        audio: Tensor,
        gap: Tensor,
        sample_rate: int,
        wanted: Sequence[Gap],
        references: Mapping[int, str] | None = None,
        also: Pool | None = None,
    ) -> tuple[Tensor, list[Explanation]]:
        """Restore audio (channel, time) where gap (channel, time) is true, and tell what the wanted gaps were made of.

        Channels that lost the same samples are restored together, and all others listened to. The gaps that are not
        wanted stay zero.

        Args:
            audio: (channel, time).
            gap: (channel, time).
            sample_rate: Hz.
            wanted: the gaps to explain.
            references: channels that are other recordings of the same sound, in time with it, with the names of this
                evidence in an explanation: they are listened to, never restored.
            also: further recordings, which are searched as this one is.
        """
        known, output, explanations, references = silenced(audio, gap), None, [], references or {}
        for channels, lost in alike(gap):
            channels = [channel for channel in channels if channel not in references]
            own = of_channels(wanted, channels)
            if len(channels) == len(audio):  # without copies: this is the usual case, and recordings are long
                return self.restore(known, lost, sample_rate, own, also=also)
            if not channels:
                continue
            output = known.clone() if output is None else output
            guides = guides_of(known, gap, channels, references)
            output[channels], told = self.restore(known[channels], lost, sample_rate, own, guides, also)
            together = len(channels) == len(audio) - len(references)
            explanations += (
                told if together else [one.of_channel(*pair) for one in told for pair in enumerate(channels)]
            )
        return audio.clone() if output is None else output, explanations

    def restore(
        self,
        audio: Tensor,
        gap: Tensor,
        sample_rate: int,
        wanted: Sequence[Gap],
        guides: Guides | None = None,
        also: Pool | None = None,
    ) -> tuple[Tensor, list[Explanation]]:
        """Restore channels that lost the same samples, gap (time,), and explain the wanted gaps in order.

        Gaps are spread over as many processes as torch uses threads.
        """
        known, lost = audio.cpu(), gap.cpu().clone()
        asked = gap_mask((Gap(one.start, one.stop) for one in wanted), len(gap))[0]
        runs = [run for run in mask_gaps(gap) if asked[run.start : run.stop].any()]
        if not runs or not any(part.any() for part in known.split(_GLANCE, -1)):
            sure = {run: between_silence(known, lost, run, len(lost)) for run in runs}
            return known.clone().to(audio), [left_to_janssen(run, SURE if sure[run] else None) for run in runs]
        if tiny := woven(lost, sample_rate):  # which has no surroundings that could be like others
            threads = gap_mask(tiny, len(gap))[0]
            known, lost = JANSSEN.restore(known, threads, sample_rate), lost & ~threads
            told = [left_to_janssen(run) for run in runs if threads[run.start]]
            rest = [run for run in runs if not threads[run.start]]
            filled, others = self.restore(known, lost, sample_rate, rest, guides, also) if rest else (known, [])
            return filled.to(audio), sorted([*told, *others], key=lambda one: one.gap.start)
        with one_thread() as cores:
            scene = Scene(self, known, lost, sample_rate, guides, also, runs)
            problems = scene.problems(runs)
            restored = on_cores(scene.restore, problems, cores)
            filled, left = known.clone(), []
            for problem, (fill, _) in zip(problems, restored, strict=True):
                if fill is None:
                    left.append(problem)
                    continue
                place = slice(problem.start, problem.stop)
                filled[:, place][:, lost[place]] = torch.from_numpy(fill).to(filled)
                lost[place] = False
            for place in neighbourhoods(left, len(gap), sample_rate):
                filled[:, place] = JANSSEN.restore(filled[:, place], lost[place], sample_rate)
            self.finish(filled, gap.cpu(), left, sample_rate)
        explanations = [
            replace(told.about(run), missing=missing_octaves(filled, run, gap.cpu(), sample_rate))
            for problem, (_, told) in zip(problems, restored, strict=True)
            for run in runs
            if problem.start <= run.start < problem.stop
        ]
        return filled.to(audio), explanations

    def expected(self, scene: Scene, run: Gap, trial: Trial | None) -> float | None:
        """Expect of a fill, in dB, what the same mix reached on the rehearsals; None if there was no trial."""
        return trial and trial.all_in_all(lambda piece: float(piece.rehearsed_snr(piece.weights).mean()))

    def finished(self, scene: Scene, run: Gap, trial: Trial) -> Tensor:
        """Take the fill, (channel, lost), as it is."""
        return trial.mix

    def finish(self, filled: Tensor, gap: Tensor, runs: list[Gap], sample_rate: int) -> None:
        """Leave as they are the gaps that Janssen filled, in audio (channel, time)."""


def neighbourhoods(runs: list[Gap], length: int, sample_rate: int) -> list[slice]:
    """Cut out what Janssen looks at, gaps together that share some of it: all that he is given he copies as doubles."""
    width = model_size(JANSSEN.order, JANSSEN.context, sample_rate)[1]
    near = [Gap(max(0, run.start - width), min(length, run.stop + width)) for run in runs]
    return [slice(part.start, part.stop) for part in mask_gaps(gap_mask(near, length)[0])]
