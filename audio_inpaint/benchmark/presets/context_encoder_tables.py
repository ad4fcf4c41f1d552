"""Tables 3 to 6 of the context-encoder paper, measured with the networks that this package ships.

Source: Marafioti et al., 2019, "A context encoder for audio inpainting", sections 3.4 to 4.4.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from audio_inpaint.benchmark.cases import Case, write
from audio_inpaint.benchmark.presets import Outcome
from audio_inpaint.benchmark.presets.context_encoder_material import (
    BATCH,
    SEGMENT,
    absent,
    excerpts,
    load,
    methods,
    networks,
)
from audio_inpaint.benchmark.presets.paper_table import Key, PaperTable, publish
from audio_inpaint.benchmark.results import Results
from audio_inpaint.benchmark.setting import Setting
from audio_inpaint.errors import InputError
from audio_inpaint.nn.spectral_inpainter import SpectralInpainter
from audio_inpaint.scores.snr import frames_snr

SPLITS = ("training", "validation", "test")
ENLARGED = ("forwards", "backwards", "centred")
SHORT_MS = 48  # of the gaps of Table 6
CELLS = "mean (standard deviation)"
OTHERS = "paper: its own networks, on FMA and NSynth"

PAPER: dict[str, dict[Key, tuple[float, float]]] = {
    "ce-table3": {
        ("music", "magnitude, training", "snr_network"): (7.6, 4.2),
        ("music", "magnitude, validation", "snr_network"): (7.8, 4.0),
        ("music", "magnitude, test", "snr_network"): (7.8, 4.3),
        ("music", "complex, training", "snr_network"): (4.9, 4.0),
        ("music", "complex, validation", "snr_network"): (5.1, 4.2),
        ("music", "complex, test", "snr_network"): (5.4, 4.5),
        ("instruments", "magnitude, training", "snr_network"): (22.1, 9.9),
        ("instruments", "magnitude, validation", "snr_network"): (21.9, 10.2),
        ("instruments", "magnitude, test", "snr_network"): (21.9, 10.0),
        ("instruments", "complex, training", "snr_network"): (17.8, 10.5),
        ("instruments", "complex, validation", "snr_network"): (18.3, 10.3),
        ("instruments", "complex, test", "snr_network"): (18.2, 10.1),
    },
    "ce-table4": {
        ("music", "magnitude", "snr_ms"): (7.7, 4.3),
        ("music", "complex", "snr_ms"): (5.4, 4.5),
        ("music", "LPC", "snr_ms"): (6.3, 5.1),
        ("instruments", "magnitude", "snr_ms"): (22.4, 10.7),
        ("instruments", "complex", "snr_ms"): (18.5, 10.2),
        ("instruments", "LPC", "snr_ms"): (30.5, 18.9),
        ("music", "magnitude", "odg"): (-0.8, 0.4),
        ("music", "complex", "odg"): (-1.0, 0.2),
        ("music", "LPC", "odg"): (-0.8, 0.2),
        ("instruments", "magnitude", "odg"): (-1.6, 1.0),
        ("instruments", "complex", "odg"): (-1.8, 0.9),
        ("instruments", "LPC", "odg"): (-0.3, 0.3),
    },
    "ce-table5": {
        ("music", "magnitude", "snr_td"): (1.1, 3.9),
        ("music", "complex", "snr_td"): (3.8, 4.1),
        ("music", "LPC", "snr_td"): (3.5, 5.0),
        ("instruments", "magnitude", "snr_td"): (14.6, 10.8),
        ("instruments", "complex", "snr_td"): (16.0, 9.7),
        ("instruments", "LPC", "snr_td"): (28.0, 19.1),
    },
    "ce-table6": {
        ("music", "magnitude", "snr_ms"): (8.0, 4.6),
        ("music", "LPC", "snr_ms"): (6.9, 5.5),
        ("instruments", "magnitude", "snr_ms"): (21.8, 11.8),
        ("instruments", "LPC", "snr_ms"): (33.2, 20.1),
    },
}


def table3(setting: Setting) -> Outcome:
    """Overfitting check: the SNR of the networks' own frames, without synthesis, on what they learned from and not.

    The paper calls it SNR_MS too. It is not the score `snr_ms`, which transforms restored audio, but `snr_network`, as
    in training.

    Raises:
        InputError: the sources have no splits.
    """
    cases = {split: excerpts(setting, split) for split in SPLITS}
    _check_apart(cases)
    kinds = list(cases["test"])
    scores: dict[Key, dict[str, float]] = {}
    for (kind, output), path in networks(kinds).items():
        inpainter = load(path)
        for split in SPLITS:
            scores[kind, f"{output}, {split}", "snr_network"] = _own_frames(inpainter, cases[split].get(kind, []))
    title = f"Table 3: the networks' frames without synthesis, gaps of 64 ms; {CELLS}"
    labels = {"snr_network": "SNR_MS of the network's frames (dB)"}
    table = PaperTable(title, scores, PAPER["ce-table3"], notes=(OTHERS, *absent(kinds)), labels=labels)
    return Outcome(publish(table, setting.folder, "ce-table3"))


def table4(setting: Setting) -> Outcome:
    """SNR_MS and ODG of restored gaps of 64 ms."""
    cases = excerpts(setting)
    results = benchmark(setting, cases, beside(methods, setting), ("snr_ms", "odg"))
    return _published(setting, "ce-table4", f"Table 4: restored gaps of 64 ms; {CELLS}", results)


def table5(setting: Setting) -> Outcome:
    """SNR_TD of restored gaps of 64 ms, with the paired t-test against linear prediction."""
    cases = excerpts(setting)
    results = benchmark(setting, cases, beside(methods, setting), ("snr_td",))
    return _published(setting, "ce-table5", f"Table 5: restored gaps of 64 ms; {CELLS}", results)


def table6(setting: Setting) -> Outcome:
    """SNR_MS of gaps of 48 ms: the mean over the three ways to enlarge them for the networks for 64 ms."""
    cases = excerpts(setting, gap_ms=SHORT_MS)
    compared = beside(enlarging, setting)
    results = benchmark(setting, cases, compared, ("snr_ms",))
    scores = scores_of(results, compared)
    for kind in cases:
        ways = [own for way in ENLARGED if (own := scores.get((kind, f"enlarged {way}", "snr_ms")))]
        if ways:
            names = set.intersection(*map(set, ways))
            scores[kind, "magnitude", "snr_ms"] = {
                name: float(np.mean([own[name] for own in ways])) for name in ways[0] if name in names
            }
    title = f"Table 6: restored gaps of 48 ms; {CELLS}"
    means = "magnitude: the mean of the three ways to enlarge a gap to 64 ms, gap by gap"
    notes = (OTHERS, means, *absent(list(cases), ["magnitude"]))
    table = PaperTable(title, scores, PAPER["ce-table6"], "LPC", notes)
    return Outcome(publish(table, setting.folder, "ce-table6"), results)


def beside(rows: Callable[[str], Mapping[str, str]], setting: Setting) -> Callable[[str], dict[str, str]]:
    """Add the setting's methods to a table's rows, under their own names."""

    def all_rows(kind: str) -> dict[str, str]:
        own = rows(kind)
        return {**own, **{name: name for name in setting.methods if name not in own.values()}}

    return all_rows


def enlarging(kind: str) -> dict[str, str]:
    """What restores gaps of 48 ms: row -> method; the reference first."""
    own = methods(kind, ["magnitude"])
    network = own.pop("magnitude", None)
    return own | ({f"enlarged {way}": f"{network},enlarge={way}" for way in ENLARGED} if network else {})


def benchmark(
    setting: Setting,
    cases: Mapping[str, list[Case]],
    rows: Callable[[str], Mapping[str, str]],
    scores: tuple[str, ...],
) -> Results:
    """Restore the excerpts of each kind by the methods for that kind, and store where their gaps are.

    Args:
        setting: where and how.
        cases: by kind.
        rows: kind -> row of the table -> method; the same method first for all kinds.
        scores: names.
    """
    everything = [case for own in cases.values() for case in own]
    write(setting.folder / "masks.json", everything, setting.seed)
    parts = [setting.benchmark(list(rows(kind).values()), own, scores) for kind, own in cases.items()]
    joined = Results(
        "time",
        tuple(dict.fromkeys(method for part in parts for method in part.methods)),
        scores,
        [row for part in parts for row in part.rows],
        [failure for part in parts for failure in part.failures],
        setting.cache,
    )
    joined.details.update(setting.details(joined, everything))
    return joined


def scores_of(results: Results, rows: Callable[[str], Mapping[str, str]]) -> dict[Key, dict[str, float]]:
    """Sort results by kind, row and score: case -> value."""
    kinds = dict.fromkeys(case.recording.kind for case in results.cases)
    found: dict[Key, dict[str, float]] = {
        (kind, row, score): {} for kind in kinds for row in rows(kind) for score in results.scores
    }
    labels = {(kind, method): row for kind in kinds for row, method in rows(kind).items()}
    for own in results.rows:
        kind = own.case.recording.kind
        for score in results.scores:
            found[kind, labels[kind, own.method], score][own.case.name] = own.scores.get(score, math.nan)
    return found


def _published(setting: Setting, name: str, title: str, results: Results) -> Outcome:
    scores = scores_of(results, beside(methods, setting))
    kinds = list(dict.fromkeys(kind for kind, _, _ in scores))
    table = PaperTable(title, scores, PAPER[name], "LPC", (OTHERS, *absent(kinds)))
    return Outcome(publish(table, setting.folder, name), results)


def _check_apart(cases: Mapping[str, Mapping[str, list[Case]]]) -> None:
    files = {split: {case.recording.path for own in found.values() for case in own} for split, found in cases.items()}
    if twice := files["training"] & files["test"] | files["training"] & files["validation"]:
        raise InputError(
            f"{min(twice)} is in the training split and in another: Table 3 needs data sets with splits, in the "
            f"layouts of FMA (music) and NSynth (instruments)"
        )


def _own_frames(inpainter: SpectralInpainter, cases: list[Case]) -> dict[str, float]:
    """SNR in dB of the network's own frames in each case."""
    found = {}
    batches = [cases[first : first + BATCH] for first in range(0, len(cases), BATCH)]
    for batch in tqdm(batches, desc="segments", leave=False, disable=None):
        values = frame_snr(inpainter, torch.cat([_segment(case) for case in batch]))
        found |= dict(zip((case.name for case in batch), values.tolist(), strict=True))
    return found


def _segment(case: Case) -> Tensor:
    audio, _ = case.recording.audio()
    first = case.mask.gaps[0].start - SEGMENT.context
    return audio[:, first : first + SEGMENT.length].float()


def frame_snr(inpainter: SpectralInpainter, segments: Tensor) -> Tensor:
    """SNR between the magnitudes of a network's frames and the true ones, of those that lie wholly in the gap.

    Args:
        inpainter: the network.
        segments: undamaged, (batch, time).

    Returns:
        dB, (batch,).

    Source: Table 3.
    """
    spectrum, level = inpainter.known(segments)
    coefficients = inpainter(spectrum / level) * level.unsqueeze(1)
    return frames_snr(coefficients, inpainter.target(segments), inpainter.inside)
