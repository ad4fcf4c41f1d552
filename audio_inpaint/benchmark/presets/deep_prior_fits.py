"""Figs. 6 and 7 of the deep-prior paper: how three networks fit one damaged signal, and what the last makes of it.

Fits are kept in the cache: an interrupted one goes on, and both figures share one. The signal is damaged under the
protocol `time`.

Source: Miotello et al., 2023, "Deep prior-based audio inpainting using multi-resolution harmonic convolutional neural
networks", section IV-A.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
import torch
from matplotlib.ticker import LogLocator, NullFormatter
from torch import Tensor

from audio_inpaint.benchmark import cache, cases, fingerprints
from audio_inpaint.benchmark.cases import Case
from audio_inpaint.benchmark.masks import cumulative
from audio_inpaint.benchmark.presets import Outcome
from audio_inpaint.benchmark.presets.deep_prior_tables import seconds, signals
from audio_inpaint.benchmark.presets.paper_table import aligned, canvas, plain, write_lines
from audio_inpaint.benchmark.setting import Setting, shared
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.recording import read, write
from audio_inpaint.methods.deep_prior.config import Config
from audio_inpaint.nn.checkpoints import save
from audio_inpaint.report.spectrogram_picture import figure
from audio_inpaint.scores.registry import SCORES

UNET, PLAIN, HARMONIC = "U-Net", "MultiResUNet", "MultiResUNet, harmonic"
CONFIGS = {UNET: "dpai_unet", PLAIN: "dpai_multires_plain", HARMONIC: "dpai"}
PAPER_PARAMETERS = {UNET: 2_158_578, PLAIN: 2_015_252, HARMONIC: 2_015_252}  # section IV-A
STEPS = (30, 50, 150, 500, 1000, 5000)  # Fig. 7
TOTAL_MS, QUICK_MS = 600, 200  # of all gaps: the paper does not say; the middle of its sizes
QUICK_STEPS = 300
# The quick form makes the problem smaller as dpai_fast.yaml does, where the values are explained.
_QUICK_NET = {"filters": [16, 16, 32], "skip_channels": 64}
QUICK_NETS = {UNET: {}, PLAIN: _QUICK_NET, HARMONIC: _QUICK_NET}
QUICK = {"n_fft": 1024, "hop_length": 256, "fold": 4, "level": 2.0, "precision": None}
LOGGED, VALIDATED, QUICK_VALIDATED = 10, 50, 10  # steps from one value of a curve to the next
SAVED = 30.0  # seconds from one checkpoint to the next
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
        """Steps and values of `loss` or `validation_loss`."""
        pairs = json.loads(self.record.read_text())[name]
        steps, values = zip(*pairs, strict=True)
        return np.array(steps), np.array(values)

    def output(self, step: int) -> Tensor:
        """The network's whole output (channel, time) at the step of a snapshot."""
        return read(self.folder / _snapshot(step))[0]


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
    panels = {"damaged": _damaged(case)[0][0]}
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
            _fit(fits[name], case, _config(setting, name), QUICK_VALIDATED if setting.quick else VALIDATED)
        return []

    shared(part)
    return fits


def _place(setting: Setting, case: Case, name: str) -> Fitted:
    made_of = f"{fingerprints.of_fills(CONFIGS[name])} {_config(setting, name)}"
    folder = setting.cache / "fits" / f"{CONFIGS[name]}_{cache.key(made_of, 'time', case.identity)[:16]}"
    return Fitted(folder, _steps(setting))


def _steps(setting: Setting) -> tuple[int, ...]:
    last = QUICK_STEPS if setting.quick else STEPS[-1]
    return (*(step for step in STEPS if step < last), last)


def _config(setting: Setting, name: str) -> Config:
    config = Config.load(CONFIGS[name]).changed(steps=_steps(setting)[-1])
    return config.changed(**QUICK, net=QUICK_NETS[name]) if setting.quick else config


def _fit(own: Fitted, case: Case, config: Config, validated: int) -> None:
    """Run a fit, from its checkpoint if it was interrupted, and keep its curves and snapshots."""
    if own.record.is_file():
        return
    own.folder.mkdir(parents=True, exist_ok=True)
    truth, sample_rate = case.recording.audio()
    damaged, gap = _damaged(case)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    run = config.fit(config.signal(damaged, gap, sample_rate, truth).to(device))
    checkpoint, curves = own.folder / "fit.pt", {"loss": [], "validation_loss": []}
    if checkpoint.is_file():
        kept = torch.load(checkpoint, map_location=device, weights_only=True)
        run.resume(kept["fit"])
        curves = kept["curves"]
    saved = time.monotonic()

    def each(step: int, terms: dict[str, Tensor], restored: Callable[[], Tensor]) -> None:
        nonlocal saved
        if step % LOGGED == 0:
            curves["loss"].append((step, terms["total"].item()))
        if step % validated == 0:
            curves["validation_loss"].append((step, run.prior.validation_loss(restored(), run.signal).item()))
        if step in own.steps:
            write(own.folder / _snapshot(step), restored().cpu(), sample_rate, "FLOAT")
        if time.monotonic() - saved > SAVED:
            save({"fit": run.state(), "curves": curves}, checkpoint)
            saved = time.monotonic()

    run.run(each)
    count = sum(weight.numel() for weight in run.prior.net.parameters())
    with replacing(own.record) as temporary:
        temporary.write_text(json.dumps({"parameters": count, **curves}))
    checkpoint.unlink(missing_ok=True)


def _damaged(case: Case) -> tuple[Tensor, Tensor]:
    """Return the damaged signal (channel, time), and what it lost, (time,)."""
    truth, _ = case.recording.audio()
    gap = torch.atleast_2d(cases.lost(case, truth.shape[-1]))[0]
    return truth.masked_fill(gap, 0), gap


def _nmse(case: Case, output: Tensor) -> dict[str, float]:
    truth, sample_rate = case.recording.audio()
    damaged, gap = _damaged(case)
    names = ("nmse_tot", "nmse_miss")
    return {name: SCORES[name].function(output, truth, damaged, gap, sample_rate) for name in names}


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
