"""Fitting deep priors to files: signals of them, their scores, and what is written in the end."""

import contextlib
import json
import math
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from lightning import LightningDataModule, LightningModule
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.full_scale import checked_room
from audio_inpaint.files.patching import Fill, write_patched
from audio_inpaint.files.recording import Reader
from audio_inpaint.filling import fills_of
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.contract import LONGEST, alike, of_channels
from audio_inpaint.repairing import FileRepair, gaps_of
from audio_inpaint.report import write_report
from audio_inpaint.report.excerpts import report_items
from audio_inpaint.scores.columns import column_scores
from audio_inpaint.scores.registry import BY_PROTOCOL, score
from audio_inpaint.scores.snr import pooled_snr
from audio_inpaint.spans import Shape, Span, spans
from audio_inpaint.training.deep_prior_fit import Fresh, fit, seconds
from audio_inpaint.training.deep_prior_jobs import REPORT, SCORES, Job, jobs


class Files:
    """The files of a `deep_prior` command; its options are those of `training.cli.Trainer.deep_prior`."""

    def __init__(
        self,
        model: LightningModule,
        datamodule: LightningDataModule,
        source: str,
        output: str,
        gaps: str | None = None,
        truth: str | None = None,
        context: float = math.inf,
        longest: float = LONGEST,
        seeds: int = 1,
        whole: bool = False,
        configs: Sequence[str | Path] = (),
    ):
        if seeds < 1 or not (context > 0 and longest > 0):
            raise InputError("--seeds must be at least 1, --context and --longest more than 0 seconds")
        self.span, self.seeds, self.whole = (context, longest), seeds, whole
        self.model, self.form = model, datamodule.form
        # the columns of an undamaged file are masked: it is its own truth
        truth = source if self.form == "columns" and truth is None else truth
        self.jobs = jobs(source, output, gaps, truth, whole, configs)

    def run(self, fresh: Fresh, rank: int = 0, ranks: int = 1) -> list[tuple[str, str]]:
        """Restore each file that is not finished, those of one of several ranks.

        Returns:
            the files that could not be restored, and why; the others of several are.
        """
        failed = []
        for job in self.jobs[rank::ranks]:
            try:
                self._restore(job, fresh)
            except (InputError, OSError, torch.OutOfMemoryError) as error:
                failed.append((str(job.file), reason := _reason(error)))
                if len(self.jobs) > 1:
                    print(reason if str(job.file) in reason else f"{job.file}: {reason}", file=sys.stderr, flush=True)
        return failed

    def judge(self, failed: list[tuple[str, str]]) -> None:
        """Say in the end which files failed on all ranks.

        Raises:
            InputError: some did.
        """
        if failed and len(self.jobs) == 1:
            raise InputError(failed[0][1])
        if failed:
            names = ", ".join(file for file, _ in failed)
            raise InputError(f"{len(failed)} of {len(self.jobs)} files not restored: {names}")

    def _restore(self, job: Job, fresh: Fresh) -> None:
        folder, began, scores = job.folder, time.perf_counter(), []
        with Reader(job.file) as reader, _truth(job, reader) as clean:
            gaps = gaps_of(reader, job.gaps)
            if not gaps:
                raise InputError(f"no gap was found in {job.file}: name the gaps with --gaps")
            checked_room(reader, job.output, gaps)  # what would fail after hours of work is refused before it
            print(f"{job.file}: gaps to fill: {len(gaps)}; fits in {folder}", flush=True)
            fills, wholes, earlier = [], [], 0.0

            def restore(span: Span, audio: Tensor, gap: Tensor) -> tuple[Tensor, list]:
                nonlocal earlier
                whole = audio.clone()
                for channels, lost in alike(gap):
                    truth = clean.read(span.start, span.stop)[channels] if clean else None
                    place = folder / _place(span, channels, reader)
                    signal = audio[channels], lost, reader.sample_rate
                    start = time.perf_counter()
                    output = fit(fresh, place, *signal, truth, self.seeds).double()
                    # what commands that were interrupted did of it
                    earlier += seconds(place, self.seeds) - (time.perf_counter() - start)
                    whole[channels] = output
                    wholes.extend(
                        Fill(Gap(span.start, span.stop, channel), output[[row]]) for row, channel in enumerate(channels)
                    )
                    if truth is not None:
                        kept = [one.moved(-span.start) for one in of_channels(span.gaps, channels)]
                        own = self._scores(output, truth, lost, reader.sample_rate, kept)
                        scores.append((span.start / reader.sample_rate, own))
                return whole, []

            shape = Shape(reader.channels, reader.length, reader.sample_rate)
            for span in spans(gaps, shape, *self.span):
                fills += fills_of(span, reader.read, shape, torch.float64, restore)[0]
            fills = fills if self.form == "time" else wholes
            notes = write_patched(reader, job.output, fills)
            if self.whole:
                write_patched(reader, job.whole, wholes)
            spent = time.perf_counter() - began + earlier
            repair = FileRepair(job.output, reader.length, reader.sample_rate, spent, gaps, fills, notes=notes)
            items = report_items(reader, repair, "deep prior", clean)
            write_report(folder / REPORT, items, shlex.join(sys.argv))
        regions = [own for _, own in scores]
        record = {"file": job.file.name, "protocol": self.form, "seconds": round(spent, 1), "regions": regions}
        with replacing(folder / SCORES) as temporary:
            temporary.write_text(json.dumps(_finite(record), indent=1, allow_nan=False) + "\n")
        for start, own in scores:
            line = ", ".join(f"{name} {value:.2f}" for name, value in own.items() if isinstance(value, float))
            print(f"{job.file} from {start:.3f} s ({self.form}): {line} dB")
        print(f"{job.file} -> {job.output}; curves, pictures and {folder / 'report.html'}", flush=True)
        for note in notes:
            print(f"{job.output}: {note}", flush=True)

    def _scores(self, output: Tensor, truth: Tensor, gap: Tensor, sample_rate: int, gaps: Sequence[Gap]) -> dict:
        """Return scores of a fit in dB, those of its protocol alone."""
        if self.form == "time":
            return time_scores(output, truth, gap, sample_rate, gaps)
        prior = self.model.prior
        return column_scores(output, truth, gap, STFT.at(sample_rate, prior.n_fft, prior.hop_length))


def _place(span: Span, channels: Sequence[int], reader: Reader) -> str:
    """Name the folder of a fit's results, of its own unless the fit is of the whole file."""
    everywhere = len(channels) == reader.channels
    if span.stop - span.start == reader.length and everywhere:
        return ""
    own = "" if everywhere else "_ch" + "_".join(str(channel + 1) for channel in channels)
    return f"from_{span.start / reader.sample_rate:.3f}s{own}"


@contextlib.contextmanager
def _truth(job: Job, reader: Reader) -> Iterator[Reader | None]:
    """Open the undamaged file, which must be as long as the damaged one; None if there is none."""
    if job.truth is None:
        yield None
        return
    with Reader(job.truth) as truth:
        if (truth.sample_rate, truth.channels, truth.length) != (reader.sample_rate, reader.channels, reader.length):
            raise InputError(f"{truth.path} has another rate, number of channels or length than {job.file}")
        yield truth


def _reason(error: Exception) -> str:
    """What to tell the user, on one line."""
    if isinstance(error, torch.OutOfMemoryError):
        return "the GPU's memory is too small for this signal: fit less of it with --context, or take a smaller config"
    if isinstance(error, OSError):
        return f"{error.filename or 'a result'} could not be written or read: {error.strerror or error}"
    return " ".join(str(error).split())


def _finite(value: object) -> object:
    """What JSON can hold: null in place of NaN and infinity."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# of a fit; those of speech need packages that may be missing, and ODG takes long
_SCORED = [name for name, one in BY_PROTOCOL["time"].items() if one.unit == "dB"]


def time_scores(
    preds: Tensor, target: Tensor, gap: Tensor, sample_rate: int, gaps: Sequence[Gap] | None = None
) -> dict[str, float | list[float]]:
    """Return the registry's scores in dB, with the known samples in their place, and some of the network's own output.

    Args:
        preds: (channel, time), the network's whole output.
        target: (channel, time).
        gap: boolean, (time,) or (channel, time).
        sample_rate: Hz.
        gaps: those that have a score each; all by default.

    Returns:
        scores by name; network_snr: SNR of the whole output; snr_of_gaps: SNR_TD of each gap.
    """
    pieces = [slice(one.start, one.stop) for one in (mask_gaps(gap) if gaps is None else gaps)]
    return {
        **score(_SCORED, torch.where(gap, preds, target), target, gap, sample_rate),
        "network_snr": pooled_snr(preds, target).item(),
        "snr_of_gaps": [round(pooled_snr(preds[:, piece], target[:, piece]).item(), 3) for piece in pieces],
    }
