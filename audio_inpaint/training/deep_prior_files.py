"""Fitting deep priors to files: which files, which signals of them, where the results go, and going on after a stop."""

import contextlib
import hashlib
import json
import math
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from lightning import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.formats import FORMATS, target
from audio_inpaint.files.patching import Fill, check_output, write_patched
from audio_inpaint.files.paths import Paths, inputs, outputs, partners
from audio_inpaint.files.recording import Reader, read, write
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.contract import LONGEST, alike, of_channels
from audio_inpaint.repairing import FileRepair, fills_of, gaps_of
from audio_inpaint.report import write_report
from audio_inpaint.report.excerpts import report_items
from audio_inpaint.scores.columns import column_scores
from audio_inpaint.scores.registry import BY_PROTOCOL, score
from audio_inpaint.scores.snr import pooled_snr
from audio_inpaint.spans import Shape, Span, spans
from audio_inpaint.training.identity import held
from audio_inpaint.training.resume import CHECKPOINT, CountedSteps, Elapsed

# makes a trainer, a model and a data module for one fit, whose results go to a folder, from noise of a seed
Fresh = Callable[[Path, int], tuple[Trainer, LightningModule, LightningDataModule]]

OUTPUT, RECORD, SCORES = "network.wav", "fit.json", "scores.json"


def fit(
    fresh: Fresh,
    folder: Path,
    audio: Tensor,
    gap: Tensor,
    sample_rate: int,
    truth: Tensor | None = None,
    seeds: int = 1,
) -> Tensor:
    """Fit one signal and return the network's whole output, averaged over the seeds.

    Results and checkpoints go to `folder`; a fit that stopped goes on from its last checkpoint, a finished one is read.

    Args:
        fresh: makes what a fit needs.
        folder: of the results; made if missing.
        audio: (channel, time), the damaged signal.
        gap: (time,) boolean.
        sample_rate: Hz.
        truth: (channel, time), the undamaged signal, if known.
        seeds: fits from different noise.

    Returns:
        (channel, time) float32.

    Raises:
        InputError: the folder holds another fit, another process works there, or the fit diverged.
    """
    signal = audio, gap, sample_rate, truth
    with held(folder):
        outputs = [_fit(fresh, place, seed, *signal) for seed, place in enumerate(_places(folder, seeds))]
    return torch.stack(outputs).mean(0)


def _places(folder: Path, seeds: int) -> list[Path]:
    return [folder / f"seed_{seed}" for seed in range(seeds)] if seeds > 1 else [folder]


def _fit(
    fresh: Fresh, folder: Path, seed: int, audio: Tensor, gap: Tensor, sample_rate: int, truth: Tensor | None
) -> Tensor:
    folder.mkdir(parents=True, exist_ok=True)
    trainer, model, data = fresh(folder, seed)
    data.load(audio, gap, sample_rate, truth)
    _check_same(folder, trainer, model, data)
    if (folder / OUTPUT).is_file():
        return read(folder / OUTPUT)[0].float()
    checkpoint = folder / CHECKPOINT
    saved = next((c for c in trainer.callbacks if isinstance(c, ModelCheckpoint)), None)
    if saved is not None:
        saved.dirpath, saved.filename = str(folder), checkpoint.stem
    elapsed = Elapsed()
    trainer.callbacks += [CountedSteps(), elapsed]
    try:
        trainer.fit(model, datamodule=data, ckpt_path=str(checkpoint) if checkpoint.is_file() else None)
    except SystemExit:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from None
    model.to(data.signal.audio.device)
    output = model.restored()
    if not bool(output.isfinite().all()):
        raise InputError("the fit diverged at its last step: choose a lower learning rate")
    _note(folder, seconds=elapsed.seconds)
    write(folder / OUTPUT, output, sample_rate, "FLOAT")
    checkpoint.unlink(missing_ok=True)
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()
    return output


def _check_same(folder: Path, trainer: Trainer, model: LightningModule, data: LightningDataModule) -> None:
    """Refuse a folder with results of another signal or configuration, which a fit would take for its own."""
    options = (sorted(model.hparams.items(), key=str), trainer.max_steps, trainer.precision, torch.initial_seed())
    digest = hashlib.sha256(repr(options).encode())
    for tensor in (data.signal.audio, data.signal.gap, data.signal.withheld):
        digest.update(tensor.contiguous().numpy().tobytes())
    if not (folder / RECORD).is_file():
        _note(folder, fit=digest.hexdigest())
    elif _noted(folder).get("fit") != digest.hexdigest():
        raise InputError(
            f"{folder} holds results of another signal or configuration: name another --output, or delete it"
        )


def _noted(folder: Path) -> dict:
    """Read what is known of a fit."""
    return json.loads((folder / RECORD).read_text()) if (folder / RECORD).is_file() else {}


def _note(folder: Path, **news: object) -> None:
    """Add to what is known of a fit: `fit`, a digest of its signal and configuration, and the `seconds` it took."""
    known = _noted(folder) | news
    with replacing(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(known))


class Job(NamedTuple):
    """A damaged file, where its repaired copy goes, and what is known of it."""

    file: Path
    output: Path
    gaps: Path | str | None
    truth: Path | None


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
    ):
        if not source:
            raise InputError("no input is named: add --input FILE or --input FOLDER")
        if seeds < 1 or not (context > 0 and longest > 0):
            raise InputError("--seeds must be at least 1, --context and --longest more than 0 seconds")
        self.output, self.span, self.seeds, self.whole = Path(output), (context, longest), seeds, whole
        self.model, self.form = model, datamodule.form
        files, _ = inputs([source])
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the output {output} must be a folder: {error.strerror}") from error
        targets = outputs(files, output, True, Paths())
        stems = [file.stem for file in files]
        if twins := [file.name for file in files if stems.count(file.stem) > 1]:
            raise InputError(f"{', '.join(twins)} would share a folder of results: restore them into different outputs")
        # the columns of an undamaged file are masked: it is its own truth
        truth = source if self.form == "columns" and truth is None else truth
        lists = partners(files, gaps, (".txt", ".csv")) if gaps and Path(gaps).is_dir() else [gaps] * len(files)
        clean = partners(files, truth, tuple(FORMATS), same=True)
        for file, listed, undamaged in zip(files, lists, clean, strict=True):
            if (gaps is not None and listed is None) or (truth is not None and undamaged is None):
                raise InputError(f"{gaps if listed is None else truth} holds nothing for {file.name}")
        self.jobs = [Job(*one) for one in zip(files, targets, lists, clean, strict=True)]

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
        folder, began, scores = self.output / job.file.stem, time.perf_counter(), []
        with Reader(job.file) as reader, _truth(job, reader) as clean:
            gaps = gaps_of(reader, job.gaps)
            if not gaps:
                raise InputError(f"no gap was found in {job.file}: name the gaps with --gaps")
            # What would fail after hours of work is refused before it.
            check_output(job.file, job.output, overwrite=True)
            target(reader, job.output)
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
                    took = sum(_noted(one).get("seconds", 0.0) for one in _places(place, self.seeds))
                    earlier += took - (time.perf_counter() - start)  # by commands that were interrupted
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
                write_patched(reader, folder / f"{job.file.stem}.network{job.output.suffix}", wholes)
            seconds = time.perf_counter() - began + earlier
            repair = FileRepair(job.output, reader.length, reader.sample_rate, seconds, gaps, fills, notes=notes)
            items = report_items(reader, repair, "deep prior", clean)
            write_report(folder / "report.html", items, shlex.join(sys.argv))
        regions = [own for _, own in scores]
        record = {"file": job.file.name, "protocol": self.form, "seconds": round(seconds, 1), "regions": regions}
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
    """What JSON can hold: null in place of numbers that are none."""
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
