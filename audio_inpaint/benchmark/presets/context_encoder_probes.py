"""Figures 4, 5, 7 and 8 of the context-encoder paper: pure tones, sweeps, and where the network wins and loses.

Source: Marafioti et al., 2019, "A context encoder for audio inpainting", sections 4.1 to 4.3.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.signal import chirp
from torch import Tensor
from tqdm import tqdm

from audio_inpaint.benchmark.cases import Case
from audio_inpaint.benchmark.presets import Outcome
from audio_inpaint.benchmark.presets.context_encoder_material import (
    BATCH,
    JANSSEN,
    LPC,
    NETWORKS,
    SAMPLE_RATE,
    SEGMENT,
    absent,
    excerpts,
    load,
    methods,
    networks,
)
from audio_inpaint.benchmark.presets.context_encoder_tables import benchmark, scores_of
from audio_inpaint.benchmark.presets.paper_table import aligned, canvas, plain, write_lines
from audio_inpaint.benchmark.results import Results
from audio_inpaint.benchmark.setting import Setting
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.gaps import mask_gaps
from audio_inpaint.repairing import repair
from audio_inpaint.report.spectrogram_picture import figure
from audio_inpaint.scores.registry import score
from audio_inpaint.scores.snr import magnitude_snr

TONES, QUICK_TONES = 800, 120  # frequencies from 20 Hz to 8 kHz; 800 are the published code's
PHASES = (0.0, 0.25, 0.5, 0.75)  # of pi; pi itself only turns the sign
AMPLITUDES = (0.1, 0.4, 0.7, 1.0)
AROUND = 25  # of 800 frequencies, what the thick lines average over
EXACT_DB = 90.0  # a tone restored as well as this counts as exact
NEAR = 0.25  # semitones: nearer to a note of the standard pitch than this is "at" it
PAPER_AHEAD_DB = 10.2  # of the magnitude network over the complex one, section 4.2
PAPER_EXTREMES = {"best": 13.0, "worst": -9.0}  # dB, Fig. 8


def fig4(setting: Setting) -> Outcome:
    """Pure tones, restored by the complex networks for instruments and for music: has each learned its notes?"""
    title = "Fig. 4: SNR_MS (dB) of pure tones; the paper's network for instruments loses over 15 dB between notes"
    table, _ = _tones(setting, "ce-fig4", ["instruments", "music"], ["complex"])
    return Outcome(f"{title}\n\n{table}")


def fig5(setting: Setting) -> Outcome:
    """Pure tones, restored by the complex and by the magnitude network for instruments."""
    title = "Fig. 5: SNR_MS (dB) of pure tones by the networks for instruments"
    table, curves = _tones(setting, "ce-fig5", ["instruments"], ["complex", "magnitude"])
    pair = [curves.get(_name("instruments", output)) for output in ("magnitude", "complex")]
    if all(curve is not None for curve in pair):
        table += f"\nmagnitude ahead of complex by {(pair[0] - pair[1]).mean():.1f} dB; paper: {PAPER_AHEAD_DB}"
    return Outcome(f"{title}\n\n{table}")


def fig7(setting: Setting) -> Outcome:
    """Five rising sweeps at once, restored by the magnitude networks and by linear prediction."""
    truth = sweeps()
    fills = {_name(*key): restored(path, truth) for key, path in networks([*NETWORKS], ["magnitude"]).items()}
    for row, name in {"LPC": LPC, "Janssen": JANSSEN}.items():
        fills[row] = repair(truth, SEGMENT.lost, SAMPLE_RATE, name).audio
    lines = [["", "SNR_MS (dB)", "SNR_TD (dB)"]]
    for row, audio in fills.items():
        values = score(("snr_ms", "snr_td"), audio, truth, SEGMENT.lost, SAMPLE_RATE).values()
        lines.append([row, *(f"{value:.2f}" for value in values)])
    write_lines(setting.folder / "ce-fig7.csv", lines)
    panels = {"original": truth[0]} | {row: audio[0] for row, audio in fills.items() if row != "Janssen"}
    with replacing(setting.folder / "ce-fig7.png") as temporary:
        figure(panels, mask_gaps(SEGMENT.lost), SAMPLE_RATE, temporary)
    title = "Fig. 7: five linear sweeps of 320 ms, from 500, 2000, 3500, 5000 and 6500 Hz upwards by 500 Hz"
    limit = "LPC here never gets louder than twice its context's peak, which the paper's may"
    return Outcome("\n".join([title, "", aligned(lines), "", limit, *absent([*NETWORKS], ["magnitude"])]))


def fig8(setting: Setting) -> Outcome:
    """The test excerpts on which the magnitude network is best and worst against linear prediction, in SNR_MS."""
    cases, rows = excerpts(setting), partial(methods, outputs=["magnitude"])
    results = benchmark(setting, cases, rows, ("snr_ms",))
    scores = scores_of(results, rows)
    lines = [["", "magnitude", "LPC", "difference", "paper", "excerpt"]]
    panels: dict[str, Tensor] = {}
    for kind in cases:
        pair = [scores.get((kind, row, "snr_ms"), {}) for row in ("magnitude", "LPC")]
        names = [name for name in pair[0] if math.isfinite(pair[0][name] - pair[1].get(name, math.nan))]
        names.sort(key=lambda name: pair[0][name] - pair[1][name])
        for which, name in (("best", names[-1]), ("worst", names[0])) if names else ():
            values = [own[name] for own in pair]
            numbers = [f"{value:.1f}" for value in values]
            difference = f"{values[0] - values[1]:+.1f}"
            case = next(case for case in cases[kind] if case.name == name)
            published = f"{PAPER_EXTREMES[which]:+.0f}"
            lines.append([f"{kind}, {which}", *numbers, difference, published, case.recording.name])
            panels |= _panels(f"{kind}, {which}", results, case, rows(kind), numbers)
    notes = absent(list(cases), ["magnitude"])
    if not panels:
        raise InputError("no excerpt was restored by both the network and LPC: " + "; ".join(notes or ["see above"]))
    write_lines(setting.folder / "ce-fig8.csv", lines)
    with replacing(setting.folder / "ce-fig8.png") as temporary:
        figure(panels, mask_gaps(SEGMENT.lost), SAMPLE_RATE, temporary, columns=3)
    title = "Fig. 8: where the magnitude network is best and worst against LPC, SNR_MS (dB) of gaps of 64 ms"
    return Outcome("\n".join([title, "", aligned(lines), *notes]), results)


def tones(frequencies: np.ndarray) -> Tensor:
    """Sines of 320 ms: (frequency, shift, time) float64, each frequency in every phase and amplitude.

    Args:
        frequencies: Hz.
    """
    time = torch.arange(SEGMENT.length, dtype=torch.float64) / SAMPLE_RATE
    phase, amplitude = (torch.tensor(values, dtype=torch.float64)[:, None] for values in (PHASES, AMPLITUDES))
    return amplitude * torch.sin(2 * torch.pi * torch.from_numpy(frequencies)[:, None, None] * time + torch.pi * phase)


def sweeps() -> Tensor:
    """Five linear sweeps of 320 ms, from 500 (3i + 1) to 500 (3i + 2) Hz, (1, time) float64 within -1 to 1."""
    time = np.arange(SEGMENT.length) / SAMPLE_RATE
    end = SEGMENT.length / SAMPLE_RATE
    return torch.from_numpy(sum(chirp(time, 500 * (3 * i + 1), end, 500 * (3 * i + 2)) for i in range(5)) / 5)[None]


def restored(checkpoint: Path, segments: Tensor) -> Tensor:
    """What a network makes of the gap in the middle of segments (batch, time), with the paper's phases.

    Raises:
        InputError: the checkpoint cannot be used, or is for segments of another size.
    """
    inpainter = load(checkpoint)
    batches = tqdm(segments.float().split(BATCH), desc=checkpoint.stem, leave=False, disable=None)
    return torch.cat([inpainter.restore(batch) for batch in batches]).double()


def around(values: np.ndarray) -> np.ndarray:
    """Average each point of a curve with its surrounding ones, 25 of 800; fewer at the ends."""
    window = np.ones(max(1, round(AROUND * len(values) / TONES)))
    return np.convolve(values, window, "same") / np.convolve(np.ones_like(values), window, "same")


def semitones(frequencies: np.ndarray) -> np.ndarray:
    """How far frequencies in Hz are from the nearest note, in semitones, where A4 is 440 Hz."""
    place = 12 * np.log2(frequencies / 440)
    return np.abs(place - np.round(place))


def _name(kind: str, output: str) -> str:
    return f"{output}, {kind}"


def _tones(
    setting: Setting, preset: str, kinds: Sequence[str], outputs: Sequence[str]
) -> tuple[str, dict[str, np.ndarray]]:
    """Restore tones by networks and LPC, write and draw the curves, and give the table and the curves."""
    paths = {_name(*key): path for key, path in networks(kinds, outputs).items()}
    if not paths:
        wanted = " or ".join(NETWORKS[kind][output] for kind in kinds for output in outputs)
        raise InputError(f"{preset} needs {wanted} among the checkpoints of this package: train and ship one first")
    # without the last one: at half the sample rate a sine is silence in phase 0
    frequencies = np.geomspace(20, SAMPLE_RATE / 2, QUICK_TONES if setting.quick else TONES, endpoint=False)
    truth = tones(frequencies)
    flat = truth.flatten(0, 1)
    fills = {row: restored(path, flat) for row, path in paths.items()}
    parts = tqdm(flat.split(BATCH), desc="LPC", leave=False, disable=None)
    fills["LPC"] = torch.cat([repair(part, SEGMENT.lost, SAMPLE_RATE, LPC).audio for part in parts])
    scores = {row: magnitude_snr(audio, flat, SEGMENT.lost).reshape(truth.shape[:2]) for row, audio in fills.items()}
    curves = {row: values.clamp(max=EXACT_DB).mean(-1).numpy() for row, values in scores.items()}
    columns = [frequencies, semitones(frequencies), *curves.values()]
    heads = ["hertz", "semitones_from_note", *(f"{row} SNR_MS" for row in curves)]
    write_lines(setting.folder / f"{preset}.csv", [heads, *zip(*columns, strict=True)])
    _draw_curves(setting.folder / f"{preset}.png", frequencies, {row: curves[row] for row in paths})
    at = semitones(frequencies) < NEAR
    lines = [["", "mean", "std", "at notes", "between", "difference", f"over {EXACT_DB:g}"]]
    for row, curve in curves.items():
        own = [curve.mean(), curve.std(), curve[at].mean(), curve[~at].mean(), curve[at].mean() - curve[~at].mean()]
        exact = float((scores[row] >= EXACT_DB).double().mean())
        lines.append([row, *(f"{value:.1f}" for value in own), f"{exact:.0%}"])
    note = f"{flat.shape[0]} tones of {len(frequencies)} frequencies; over {EXACT_DB:g} dB counts as {EXACT_DB:g}"
    return "\n".join([aligned(lines), "", note, *absent(kinds, outputs)]), curves


def _draw_curves(path: Path, frequencies: np.ndarray, curves: Mapping[str, np.ndarray]) -> None:
    drawing = canvas((8.0, 3.6))
    axis = drawing.subplots()
    for row, curve in curves.items():
        colour = "black" if row == _name("instruments", "complex") else "0.6"  # as in both figures
        axis.plot(frequencies, curve, color=colour, lw=0.5, alpha=0.6)
        axis.plot(frequencies, around(curve), color=colour, lw=2, label=row)
    octaves = range(9)
    axis.set_xscale("log")
    axis.set_xticks([27.5 * 2**octave for octave in octaves], [f"A{octave}" for octave in octaves])
    axis.minorticks_off()
    axis.set_xlim(frequencies[0], frequencies[-1])
    axis.set_xlabel("frequency of the tone, as a note (A4 is 440 Hz)", fontsize=8)
    axis.set_ylabel("SNR_MS (dB)", fontsize=8)
    plain(axis)
    axis.legend(fontsize=8, frameon=False)
    with replacing(path) as temporary:
        drawing.savefig(temporary)


def _panels(
    title: str, results: Results, case: Case, rows: Mapping[str, str], numbers: Sequence[str]
) -> dict[str, Tensor]:
    """Original, network and LPC around the gap of an excerpt, (time,) each, at one loudness for all excerpts."""
    gap = case.mask.gaps[0]
    near = slice(gap.start - SEGMENT.context, gap.stop + SEGMENT.context)
    truth = case.recording.audio()[0][0, near]
    found = {row: results.restored(results.of(case)[rows[row]])[0, near] for row in ("magnitude", "LPC")}
    panels = {f"{title}: original": truth}
    for (row, audio), number in zip(found.items(), numbers, strict=True):
        panels[f"{title}: {row} {number} dB"] = audio
    return {panel: audio / truth.abs().max() for panel, audio in panels.items()}
