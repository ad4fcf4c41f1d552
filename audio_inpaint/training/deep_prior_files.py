"""Fitting deep priors to files: which files, which signals of them, where the results go, and going on after a stop."""

import contextlib
import hashlib
import json
import math
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from lightning import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor

from audio_inpaint.batch import Job, gap_count, gaps_of, inputs, outputs, report_items, truth_of
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.formats import target
from audio_inpaint.files.patching import Patch, check_output, write_patched
from audio_inpaint.files.recording import Reader, read, write
from audio_inpaint.gaps import check_gaps
from audio_inpaint.inference import LONGEST, Region, Result, read_regions
from audio_inpaint.report import write_report
from audio_inpaint.scores.columns import column_scores
from audio_inpaint.scores.lsd import lsd
from audio_inpaint.scores.snr import nmse, snr
from audio_inpaint.training.resume import CHECKPOINT, CountedSteps

# makes a trainer, a model and a data module for one fit, whose results go to a folder, from noise of a seed
Fresh = Callable[[Path, int], tuple[Trainer, LightningModule, LightningDataModule]]

OUTPUT, RECORD, SCORES = "network.wav", "fit.json", "scores.json"


def fit(fresh: Fresh, folder: Path, region: Region, truth: Tensor | None = None, seeds: int = 1) -> Tensor:
    """Fit one signal and return the network's whole output, averaged over the seeds.

    Results and checkpoints go to `folder`; a fit that stopped goes on from its last checkpoint, a finished one is read.

    Args:
        fresh: makes what a fit needs.
        folder: of the results; made if missing.
        region: the damaged signal.
        truth: (channel, time), the undamaged signal, if known.
        seeds: fits from different noise.

    Returns:
        (channel, time) float32.

    Raises:
        InputError: the folder holds another fit.
    """
    folders = [folder / f"seed_{seed}" for seed in range(seeds)] if seeds > 1 else [folder]
    return torch.stack([_fit(fresh, place, seed, region, truth) for seed, place in enumerate(folders)]).mean(0)


def _fit(fresh: Fresh, folder: Path, seed: int, region: Region, truth: Tensor | None) -> Tensor:
    folder.mkdir(parents=True, exist_ok=True)
    trainer, model, data = fresh(folder, seed)
    data.load(region.audio, region.gap, region.sample_rate, truth)
    _check_same(folder, trainer, model, data)
    if (folder / OUTPUT).is_file():
        return read(folder / OUTPUT)[0].float()
    checkpoint = folder / CHECKPOINT
    saved = next((c for c in trainer.callbacks if isinstance(c, ModelCheckpoint)), None)
    if saved is not None:
        saved.dirpath, saved.filename = str(folder), checkpoint.stem
    trainer.callbacks.append(CountedSteps())
    try:
        trainer.fit(model, datamodule=data, ckpt_path=str(checkpoint) if checkpoint.is_file() else None)
    except SystemExit:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from None
    model.to(data.signal.audio.device)
    output = model.restored()
    write(folder / OUTPUT, output, region.sample_rate, "FLOAT")
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
    record = folder / RECORD
    if not record.is_file():
        with replacing(record) as temporary:
            temporary.write_text(json.dumps({"fit": digest.hexdigest()}))
    elif json.loads(record.read_text()).get("fit") != digest.hexdigest():
        raise InputError(
            f"{folder} holds results of another signal or configuration: name another --output, or delete it"
        )


class Files:
    """The files of a `deep_prior` command; its options are those of `train.Trainer.deep_prior`."""

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
        targets = outputs(files, output, several=True)
        stems = [file.stem for file in files]
        if twins := [file.name for file in files if stems.count(file.stem) > 1]:
            raise InputError(f"{', '.join(twins)} would share a folder of results: restore them into different outputs")
        # the columns of an undamaged file are masked: it is its own truth
        truth = source if self.form == "columns" and truth is None else truth
        self.jobs = [Job(*pair, gaps, "deep prior", None, truth, True) for pair in zip(files, targets, strict=True)]

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
        gaps, folder, began = gaps_of(job), self.output / job.file.stem, time.perf_counter()
        if not gaps:
            raise InputError(f"no gap was found in {job.file}: name the gaps with --gaps")
        patches, wholes, scores, signals = [], [], [], []
        with Reader(job.file) as reader, truth_of(job) or contextlib.nullcontext() as clean:
            # What would fail after hours of work is refused before it.
            check_output(job.file, job.output)
            target(reader, job.output)
            gaps = check_gaps(gaps, reader.length, reader.channels, reader.sample_rate)
            print(f"{job.file}: a fit for {gap_count(len(gaps))}, in {folder}", flush=True)
            for region in read_regions(reader, gaps, *self.span):
                truth = clean.read(region.start, region.stop)[list(region.channels)] if clean else None
                output = fit(fresh, self._place(folder, region, reader), region, truth, self.seeds).double()
                wholes.append(Patch(region.start, region.channels, output))
                patches += region.patches(output) if self.form == "time" else wholes[-1:]
                if truth is not None:
                    scores.append(self._scores(region, output, truth))
                signals.append(region)
            notes = write_patched(job.file, job.output, patches)
            if self.whole:
                write_patched(job.file, folder / f"{job.file.stem}.network{job.output.suffix}", wholes)
            elapsed = time.perf_counter() - began
            result = Result(reader.length, reader.sample_rate, elapsed, gaps, len(wholes), patches, notes)
            write_report(folder / "report.html", report_items(job, result, clean), shlex.join(sys.argv))
        record = {"file": job.file.name, "protocol": self.form, "seconds": round(elapsed, 1), "regions": scores}
        with replacing(folder / SCORES) as temporary:
            temporary.write_text(json.dumps(_finite(record), indent=1, allow_nan=False) + "\n")
        for region, score in zip(signals, scores, strict=False):
            line = ", ".join(f"{name} {value:.2f}" for name, value in score.items() if isinstance(value, float))
            print(f"{job.file} from {region.start / region.sample_rate:.3f} s ({self.form}): {line} dB")
        print(f"{job.file} -> {job.output}; curves, pictures and {folder / 'report.html'}", flush=True)
        for note in notes:
            print(f"{job.output}: {note}", flush=True)

    def _place(self, folder: Path, region: Region, reader: Reader) -> Path:
        """Where the results of a region go: a folder of its own, unless the region is the whole file."""
        all_channels = len(region.channels) == reader.channels
        if region.stop - region.start == reader.length and all_channels:
            return folder
        channels = "" if all_channels else "_ch" + "_".join(str(channel + 1) for channel in region.channels)
        return folder / f"from_{region.start / reader.sample_rate:.3f}s{channels}"

    def _scores(self, region: Region, output: Tensor, truth: Tensor) -> dict:
        """Scores of a region in dB, those of its protocol alone."""
        if self.form == "time":
            return time_scores(region, output, truth)
        options = self.model.hparams
        return column_scores(STFT.at(region.sample_rate, options.n_fft, options.hop_length), region.gap, output, truth)


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


def time_scores(region: Region, output: Tensor, truth: Tensor) -> dict:
    """Scores in dB under the `time` protocol, on lost samples; nmse_tot and lsd with the known samples in their place.

    Args:
        region: the damaged signal.
        output: (channel, time), the network's.
        truth: (channel, time).
    """
    restored = torch.where(region.gap, output, truth)
    pieces = [slice(gap.start - region.start, gap.stop - region.start) for gap in region.gaps]
    return {
        "snr": snr(output, truth, region.gap).mean().item(),
        "nmse_miss": nmse(output, truth, region.gap).item(),
        "nmse_tot": nmse(restored, truth).item(),
        "lsd": lsd(restored, truth, region.gap).mean().item(),
        "network_snr": snr(output, truth).mean().item(),
        "snr_of_gaps": [round(snr(output[:, piece], truth[:, piece]).mean().item(), 3) for piece in pieces],
    }
