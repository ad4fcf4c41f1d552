"""Figs. 6 and 7 of the deep-prior paper: how three networks fit one damaged signal, and what the last makes of it.

Fits are kept in the cache: an interrupted one goes on, and both figures share one. The signal is damaged under the
protocol `time`.

Source: Miotello et al., 2023, "Deep prior-based audio inpainting using multi-resolution harmonic convolutional neural
networks", section IV-A.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import lightning
import numpy as np
from lightning.pytorch.utilities.seed import isolate_rng
from matplotlib.ticker import LogLocator, NullFormatter
from torch import Tensor

from audio_inpaint.benchmark import cache, cases
from audio_inpaint.benchmark.cases import Case
from audio_inpaint.benchmark.masks import cumulative
from audio_inpaint.benchmark.presets import Outcome
from audio_inpaint.benchmark.presets.deep_prior_tables import seconds, signals
from audio_inpaint.benchmark.presets.paper_table import aligned, canvas, plain, write_lines
from audio_inpaint.benchmark.setting import Setting, shared
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.recording import read, write
from audio_inpaint.inference import Region
from audio_inpaint.methods import registry as methods
from audio_inpaint.report.spectrogram_picture import figure
from audio_inpaint.scores.registry import SCORES
from audio_inpaint.training.cli import InpaintCLI, Preset, quiet
from audio_inpaint.training.deep_prior_files import fit

UNET, PLAIN, HARMONIC = "U-Net", "MultiResUNet", "MultiResUNet, harmonic"
CONFIGS = {UNET: "dpai_unet", PLAIN: "dpai_multires_plain", HARMONIC: "dpai"}
PAPER_PARAMETERS = {UNET: 2_158_578, PLAIN: 2_015_252, HARMONIC: 2_015_252}  # section IV-A
STEPS = (30, 50, 150, 500, 1000, 5000)  # Fig. 7
TOTAL_MS, QUICK_MS = 600, 200  # of all gaps: the paper does not say; the middle of its sizes
QUICK_STEPS = 300
# The quick form makes the problem smaller as dpai_fast.yaml does, where the values are explained.
_QUICK_NET = ("--model.init_args.net.init_args.filters=[16,16,32]", "--model.init_args.net.init_args.skip_channels=64")
QUICK_NETS = {UNET: (), PLAIN: _QUICK_NET, HARMONIC: _QUICK_NET}
QUICK = (
    "--model.init_args.n_fft=1024", "--model.init_args.hop_length=256", "--model.init_args.fold=4",
    "--model.init_args.level=2.0", "--trainer.precision=null", "--data.init_args.validate_every=10",
)  # fmt: skip
QUICK_NOTE = (
    f"Quick form: {QUICK_STEPS} steps in place of {STEPS[-1]}, MultiResUNets of half the width, "
    "spectrograms of 1024 / 256 folded by 4, the signal scaled."
)
FIG6_NOTE = (
    "The paper: the loss of both MultiResUNets falls quickly, the U-Net's stays much higher; on lost samples the U-Net "
    "diverges, and harmonic convolutions reach the smallest values."
)
FIG7_NOTE = (
    "The paper: blurred structures first, then what is loud, mostly low frequencies, then what is quiet. There, known "
    "columns of the spectrogram hold samples of the gaps (another protocol), so that gaps fill as the rest does."
)


class Snapshots(lightning.Callback):
    """Keeps the whole output of a deep prior at chosen steps, as step_000030.wav beside its curves.

    Args:
        steps: of the fit.
    """

    def __init__(self, steps: Sequence[int]):
        self.steps = frozenset(steps)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Write the output at the chosen steps."""
        if trainer.global_step in self.steps:
            place = Path(trainer.default_root_dir) / _snapshot(trainer.global_step)
            write(place, pl_module.restored(), batch.sample_rate, "FLOAT")


@dataclass(frozen=True)
class Fitted:
    """A fit and where it is kept.

    Args:
        folder: of its results.
        steps: of the snapshots in it.
    """

    folder: Path
    steps: tuple[int, ...]

    @property
    def record(self) -> Path:
        """What is written when all is done."""
        return self.folder / "finished.json"

    @property
    def parameters(self) -> int:
        """How many the network has."""
        return json.loads(self.record.read_text())["parameters"]

    def curve(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of `loss` or `validation_loss`, as `metrics.csv` has them."""
        with (self.folder / "metrics.csv").open(newline="") as file:
            pairs = [(int(row["step"]) + 1, float(row[name])) for row in csv.DictReader(file) if row.get(name)]
        steps, values = zip(*pairs, strict=True)
        return np.array(steps), np.array(values)

    def output(self, step: int) -> Tensor:
        """The network's whole output (channel, time) at the step of a snapshot."""
        return read(self.folder / _snapshot(step))[0]


class _Fits(Preset):
    """The fits of a config, of which everything is kept."""

    fresh = InpaintCLI.fresh


def fig6(setting: Setting) -> Outcome:
    """Loss and validation loss of three networks during one fit."""
    case = signal(setting)
    fits = fitted(setting, case, list(CONFIGS))
    heads = ["parameters", "paper", "n", "loss (std)", "validation loss (std)", "lowest", "at step", "NMSE_miss (dB)"]
    lines = [["", *heads]]
    for name, own in fits.items():
        (_, loss), (steps, validation) = own.curve("loss"), own.curve("validation_loss")
        best, ends = int(validation.argmin()), [_end(values) for values in (loss, validation)]
        error = _nmse(case, own.output(own.steps[-1]))["nmse_miss"]
        lines.append([
            name, f"{own.parameters:,}", f"{PAPER_PARAMETERS[name]:,}", str(len(ends[1])),
            *(f"{values.mean():.3g} ({values.std():.2g})" for values in ends),
            f"{validation[best]:.3g}", str(steps[best]), f"{error:.2f}",
        ])  # fmt: skip
    write_lines(setting.folder / "dpai-fig6.csv", _curve_lines(fits))
    _draw_curves(setting.folder / "dpai-fig6.png", fits)
    title = f"Fig. 6: {_named(setting, case)}; mean of the last tenth of the steps, n validations in it"
    return Outcome(_text(setting, title, lines, FIG6_NOTE))


def fig7(setting: Setting) -> Outcome:
    """The output of the harmonic MultiResUNet at increasing steps."""
    case = signal(setting)
    (own,) = fitted(setting, case, [HARMONIC]).values()
    truth, sample_rate = case.recording.audio()
    lines = [["step", "n", "NMSE_tot (dB)", "NMSE_miss (dB)"]]
    panels = {"damaged": _region(case).audio[0]}
    for step in own.steps:
        output = own.output(step)
        lines.append([str(step), "1", *(f"{value:.2f}" for value in _nmse(case, output).values())])
        panels[f"{step} steps"] = output[0]
    write_lines(setting.folder / "dpai-fig7.csv", lines)
    panels["original"] = truth[0]
    with replacing(setting.folder / "dpai-fig7.png") as temporary:
        figure(panels, case.mask.gaps, sample_rate, temporary, columns=-(-len(panels) // 2))
    title = f"Fig. 7: {_named(setting, case)}; the network's whole output, known samples not put back"
    return Outcome(_text(setting, title, lines, FIG7_NOTE))


def signal(setting: Setting) -> Case:
    """The damaged signal: of the first source, or of the demonstration's clips.

    Raises:
        InputError: there is none, or no gaps fit.
    """
    total = QUICK_MS if setting.quick else TOTAL_MS
    found = cumulative(signals(setting, 1)[0], 0, [total], 1, setting.seed)
    if not found:
        raise InputError(
            f"no gaps of {total} ms fit in the first recording: give one of {seconds(setting):g} s that is not silent"
        )
    cases.write(setting.folder / "masks.json", found, setting.seed)
    return found[0]


def fitted(setting: Setting, case: Case, names: Sequence[str]) -> dict[str, Fitted]:
    """Fit networks to a damaged signal, or read what is there; processes of torchrun or SLURM share them.

    Args:
        setting: its cache, and whether it is the quick form.
        case: the signal.
        names: of `CONFIGS`.
    """
    fits = {name: _place(setting, case, name) for name in names}

    def part(rank: int, ranks: int) -> list:
        for name in names[rank::ranks]:
            _fit(fits[name], case, name, _overrides(setting, name))
        return []

    shared(part)
    return fits


def _place(setting: Setting, case: Case, name: str) -> Fitted:
    made_of = f"{methods.fingerprint(CONFIGS[name])} {_overrides(setting, name)}"
    folder = setting.cache / "fits" / f"{CONFIGS[name]}_{cache.key(made_of, 'time', case.identity)[:16]}"
    return Fitted(folder, _steps(setting))


def _steps(setting: Setting) -> tuple[int, ...]:
    last = QUICK_STEPS if setting.quick else STEPS[-1]
    return (*(step for step in STEPS if step < last), last)


def _overrides(setting: Setting, name: str) -> tuple[str, ...]:
    steps = _steps(setting)
    callbacks = {
        "audio_inpaint.training.callbacks.StepBar": {"title": name},
        "lightning.pytorch.callbacks.ModelCheckpoint": {
            "train_time_interval": "0:00:30", "enable_version_counter": False,
        },
        f"{__name__}.Snapshots": {"steps": steps},
    }  # fmt: skip
    listed = [{"class_path": path, "init_args": options} for path, options in callbacks.items()]
    always = (f"--trainer.callbacks={json.dumps(listed)}", f"--trainer.max_steps={steps[-1]}")
    return (*always, *QUICK, *QUICK_NETS[name]) if setting.quick else always


def _fit(own: Fitted, case: Case, name: str, overrides: Sequence[str]) -> None:
    if own.record.is_file():
        return
    truth, _ = case.recording.audio()
    with quiet(), isolate_rng():
        fits = _Fits(CONFIGS[name], overrides)
        fit(fits.fresh, own.folder, _region(case), truth)
    count = sum(weight.numel() for weight in fits.model.net.parameters())
    with replacing(own.record) as temporary:
        temporary.write_text(json.dumps({"parameters": count}))


def _region(case: Case) -> Region:
    truth, sample_rate = case.recording.audio()
    gap = cases.lost(case, truth.shape[-1])
    return Region(0, tuple(range(len(truth))), truth.masked_fill(gap, 0), gap, case.mask.gaps, sample_rate)


def _nmse(case: Case, output: Tensor) -> dict[str, float]:
    truth, sample_rate = case.recording.audio()
    region = _region(case)
    names = ("nmse_tot", "nmse_miss")
    return {name: SCORES[name].function(output, truth, region.audio, region.gap, sample_rate) for name in names}


def _snapshot(step: int) -> str:
    return f"step_{step:06d}.wav"


def _end(values: np.ndarray) -> np.ndarray:
    """The last tenth of a curve."""
    return values[-max(1, len(values) // 10) :]


def _curve_lines(fits: dict[str, Fitted]) -> list[list[object]]:
    lines: list[list[object]] = [["network", "curve", "step", "value"]]
    for name, own in fits.items():
        for curve in ("loss", "validation_loss"):
            lines += [[name, curve, *pair] for pair in zip(*own.curve(curve), strict=True)]
    return lines


def _draw_curves(path: Path, fits: dict[str, Fitted]) -> None:
    drawing = canvas((9, 3.4))
    titles = {"loss": "loss", "validation_loss": "validation loss, on lost samples"}
    for axis, (curve, title) in zip(drawing.subplots(1, 2), titles.items(), strict=True):
        for name, own in fits.items():
            axis.plot(*own.curve(curve), lw=1.2, label=name)
        plain(axis)
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel("step", fontsize=8)
        axis.set_title(title, loc="left", fontsize=10)
        axis.legend(fontsize=8, frameon=False)
    with replacing(path) as temporary:
        drawing.savefig(temporary)


def _named(setting: Setting, case: Case) -> str:
    return f"one signal of {seconds(setting):g} s, {case.recording.name}, {case.mask.label}, protocol time"


def _text(setting: Setting, title: str, lines: Sequence[Sequence[str]], note: str) -> str:
    notes = [QUICK_NOTE, note] if setting.quick else [note]
    return "\n".join([title, "", aligned(lines), "", *(fill(text, 120) for text in notes)])
