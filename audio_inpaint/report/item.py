"""A repaired recording as a report shows it: its waveforms, its gaps, its scores, and the data of its player."""

import base64
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.explanation import Explanation
from audio_inpaint.report.page import count, number
from audio_inpaint.report.spectrogram_picture import window_length
from audio_inpaint.scores import registry

Scores = dict[str, dict[str, float]]  # method -> metric -> value

SNR, LSD = "SNR on lost samples (dB)", "LSD (dB)"
_SCORED = {SNR: "snr_td", LSD: "lsd"}  # as `scores.registry` defines them


@dataclass
class Item:
    """A repaired recording, or an excerpt of one; all waveforms are `(channel, time)` and of one shape.

    Args:
        name: what the recording is called on the page.
        sample_rate: Hz.
        damaged: what was given.
        restored: method -> what it made.
        gaps: lost intervals in samples of these waveforms.
        truth: the undamaged recording, where it is known.
        seconds: method -> its running time, s.
        offset: position of the first sample in the file, s.
        scores: method -> metric -> value, shown beside the computed ones.
        explanations: method -> how it filled the gaps, in samples of these waveforms; sources may lie before their
            first sample or after their last one, and what concerns none of `gaps` is not shown.
        duration: of the file, s, if these are not all of its samples.
    """

    name: str
    sample_rate: int
    damaged: Tensor
    restored: dict[str, Tensor]
    gaps: list[Gap]
    truth: Tensor | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    offset: float = 0.0
    scores: Scores = field(default_factory=dict)
    explanations: dict[str, list[Explanation]] = field(default_factory=dict)
    duration: float | None = None


def check(item: Item) -> None:
    """Refuse what a page could not show.

    Raises:
        InputError: no samples, waveforms of different shapes, a gap outside them, or explanations of no restoration.
    """
    shape = tuple(item.damaged.shape)
    if len(shape) != 2 or 0 in shape:
        raise InputError(f"{item.name}: the damaged audio has shape {shape}, it must be (channel, time) and not empty")
    others = item.restored if item.truth is None else {**item.restored, "the original": item.truth}
    for name, audio in others.items():
        if tuple(audio.shape) != shape:
            raise InputError(f"{item.name}: {name} has shape {tuple(audio.shape)}, the damaged audio {shape}")
    for gap in item.gaps:
        if not 0 <= gap.start < gap.stop <= shape[1] or (gap.channel is not None and not 0 <= gap.channel < shape[0]):
            raise InputError(f"{item.name}: gap {gap.start}:{gap.stop} lies outside the audio of shape {shape}")
    if strangers := item.explanations.keys() - item.restored.keys():
        raise InputError(f"{item.name}: {', '.join(sorted(strangers))} explains gaps, but restored nothing")


def score(item: Item) -> Scores:
    """Scores every restoration of an item on its lost samples, if the truth is known, and adds `item.scores`."""
    scores = {name: {} for name in item.restored}
    if item.truth is not None and item.gaps:
        channels, length = item.damaged.shape
        truth = item.truth.detach().cpu()
        lost = gap_mask(item.gaps, length, channels)
        for name, audio in item.restored.items():
            found = registry.score(_SCORED.values(), audio.detach().cpu(), truth, lost, item.sample_rate)
            scores[name] = {label: found[key] for label, key in _SCORED.items()}
    return {name: computed | item.scores.get(name, {}) for name, computed in scores.items()}


def player_data(item: Item, notes: Mapping[str, str]) -> dict:
    """What the player of an item reads; `notes` are shown beside the methods of these names."""
    sources = [("Damaged", item.damaged), *item.restored.items()]
    if item.truth is not None:
        sources.append(("Original", item.truth))
    base = _pcm(item.damaged)
    return {
        "rate": item.sample_rate,
        "channels": item.damaged.shape[0],
        "length": item.damaged.shape[1],
        "offset": item.offset,
        "window": window_length(item.sample_rate),
        "gaps": [[gap.start, gap.stop, gap.channel] for gap in item.gaps],
        "truth": item.truth is not None,
        # a difference from the damaged audio is nearly all zeros; 16-bit arithmetic wraps both here and in the browser
        "sources": [
            {"name": name, "note": notes.get(name, ""), "audio": _pack(_pcm(audio) - base if index else base)}
            for index, (name, audio) in enumerate(sources)
        ],
    }


def _pcm(audio: Tensor) -> Tensor:
    samples = audio.detach().cpu().double().nan_to_num(0.0, 1.0, -1.0) * 2**15
    return samples.round().clamp(-(2**15), 2**15 - 1).to(torch.int16)


def _pack(samples: Tensor) -> str:
    return base64.b64encode(zlib.compress(samples.numpy().astype("<i2").tobytes(), 9)).decode()


def facts(item: Item) -> str:
    """Rate, channels, length and gaps in a line, and what the page could not show as it is."""
    channels, length = item.damaged.shape
    told = [
        f"{item.sample_rate / 1000:g} kHz",
        {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels"),
        f"{length / item.sample_rate:.2f} s" + (f" from {item.offset:.2f} s of the file" if item.offset else ""),
        count(len(item.gaps), "gap") + (f", {lost_ms([item]):.0f} ms in all" if item.gaps else ""),
    ]
    audio = torch.cat([item.damaged, *item.restored.values(), *([] if item.truth is None else [item.truth])])
    if not audio.isfinite().all():
        told.append("samples that are not numbers are shown as silence")
    if (audio.nan_to_num(0.0).abs() > 1).any():
        told.append("samples beyond full scale are clipped here")
    return " · ".join(told)


def lost_ms(items: Sequence[Item]) -> float:
    """Length of all gaps of all items together, ms."""
    return sum(1000 * (gap.stop - gap.start) / item.sample_rate for item in items for gap in item.gaps)


def snr_notes(scores: Scores) -> dict[str, str]:
    """The SNR of each method, as a player shows it beside the method's name."""
    known = {name: values.get(SNR, math.nan) for name, values in scores.items()}
    return {name: f"{number(value)} dB SNR" for name, value in known.items() if not math.isnan(value)}
