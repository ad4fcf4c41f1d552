"""Repairing audio in memory and in files, for every command and Python."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from audio_inpaint.alignment.sound import Sound
from audio_inpaint.also import opened, reads_also
from audio_inpaint.arrays import as_rate, as_samples, like
from audio_inpaint.errors import InputError
from audio_inpaint.files.full_scale import checked_room
from audio_inpaint.files.patching import Fill, write_patched
from audio_inpaint.files.paths import Paths
from audio_inpaint.files.recording import BLOCK, Reader
from audio_inpaint.files.room import Widened, with_silence
from audio_inpaint.filling import Progress, filled
from audio_inpaint.gaps import Gap, as_gaps, gap_mask
from audio_inpaint.insertions import Insertion, checked_insertions, parted, with_room
from audio_inpaint.methods.contract import Method, context_and_longest
from audio_inpaint.methods.device import checked_device
from audio_inpaint.methods.given import as_method
from audio_inpaint.references import aligned, reads_references
from audio_inpaint.spans import Shape, finite, spans

if TYPE_CHECKING:
    from audio_inpaint.also import Also
    from audio_inpaint.methods.explanation import Explanation


@dataclass(frozen=True)
class Repair:
    """Repaired audio.

    Attributes:
        audio: as it was given, array or tensor, of the same type, its gaps filled; of the same shape, unless something
            was inserted.
        gaps: sorted and merged, in samples of the repaired audio.
        explanations: how they were filled, in the order of time; empty if the method does not say.
        references: how each of them fits, one line each.
        also: what was searched of further recordings, and how many fills draw on them, one line each.

    >>> import numpy as np
    >>> repair(np.ones(4000), [(100, 200)], 8000, "silence").gaps
    [Gap(start=100, stop=200, channel=None)]
    """

    audio: Any
    gaps: list[Gap]
    explanations: list[Explanation] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    also: list[str] = field(default_factory=list)


def repair(
    audio: Any,
    gaps: Any,
    sample_rate: int,
    method: str | Method = "auto",
    *,
    references: Sequence[Any] = (),
    also: Sequence[Any] | Also = (),
    device: str | None = None,
    progress: Progress | None = None,
) -> Repair:
    """Fill the gaps of audio in memory; every other sample comes back bit for bit.

    Args:
        audio: (channel, time) or (time,), floating point of 16, 32 or 64 bits, array or tensor; what it holds in the
            gaps is not looked at.
        gaps: a boolean mask of the audio's shape or (time,), true = lost; or a list of `Gap`s, of detections, or of
            (start, stop) or (start, stop, channel) in samples; or one `Gap` or detection. A list may hold `Insertion`s,
            which make the audio longer.
        sample_rate: Hz.
        method: a name that `methods` lists, with options if need be ("janssen:iterations=5"), the file of a trained
            network, "module:Class", or anything that keeps to the contract of `audio_inpaint.methods.contract`.
        references: other recordings of the same programme, aligned by themselves, to hear what was lost in: files; or
            audio in memory, at the same sample rate or as a pair (audio, sample rate).
        also: further recordings, to be searched for passages like what surrounds a gap: files, folders of them, or
            audio in memory, likewise.
        device: where a method computes that can compute on a GPU, such as "cuda".
        progress: called with (gaps filled, gaps in all).

    Raises:
        InputError: audio or gaps do not fit, a known sample is not finite, wherever it is, there is no such method, or
            a reference cannot be used.
        ContractError: the method broke its contract.

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> repaired = repair(np.where(np.arange(16000) // 500 == 16, 0, tone), [(8000, 8500)], 16000, "janssen")
    >>> bool(np.abs(repaired.audio - tone).max() < 1e-3)
    True
    """
    samples, sample_rate, device = as_samples(audio), as_rate(sample_rate), checked_device(device)
    channels, length = samples.shape
    insertions, gaps = parted(gaps)
    found = as_gaps(gaps, length, channels, sample_rate)
    if insertions:
        insertions = checked_insertions(insertions, length, sample_rate)
        found = with_room(found, insertions, length, channels, sample_rate)
        samples = with_silence(samples, insertions)
        length = samples.shape[-1]
    shape = Shape(channels, length, sample_rate)
    gap = gap_mask(found, length, channels)
    for start in range(0, length, BLOCK):
        finite(samples[:, start : start + BLOCK], gap[:, start : start + BLOCK], start, shape.sample_rate)
    output, explanations = samples.clone(), []
    work = samples if samples.dtype in (torch.float32, torch.float64) else samples.float()
    restorer = as_method(method)
    ours = Sound(lambda start, stop: work[:, start:stop], *shape, found)
    with aligned(references, ours, restorer) as others, opened(also, restorer, shape.sample_rate) as pool:
        given = found, restorer, device, progress, others, None, pool.searched
        for fills, explained in filled(ours.read, shape, work.dtype, *given):
            for fill in fills:
                fill.into(output, 0)
            explanations += explained
        return Repair(
            like(audio, output), found, _in_order(explanations), list(map(str, others)), pool.told(explanations)
        )


@dataclass(frozen=True)
class FileRepair:
    """What was done to a file.

    Attributes:
        path: of the repaired file.
        length: samples in the file.
        sample_rate: Hz.
        seconds: that the repair took.
        gaps: sorted and merged, in samples of the repaired file.
        fills: what was put into them.
        explanations: how they were filled, in the order of time; empty if the method does not say.
        notes: what the output's format could not keep, one line each.
        references: how each of them fits, one line each.
        also: what was searched of further recordings, and how many fills draw on them, one line each.
        insertions: what makes the file longer than the damaged one, in samples of that one.
        rejected: what of the gaps stays as it is.

    >>> import numpy as np, soundfile
    >>> soundfile.write("damaged.wav", np.full(4000, 0.5), 8000)
    >>> done = repair_file("damaged.wav", "silent.wav", [(100, 200)], "silence")
    >>> done.path.name, done.length, done.sample_rate, done.notes
    ('silent.wav', 4000, 8000, [])
    """

    path: Path
    length: int
    sample_rate: int
    seconds: float
    gaps: list[Gap]
    fills: list[Fill]
    explanations: list[Explanation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    insertions: list[Insertion] = field(default_factory=list)
    rejected: list[Gap] = field(default_factory=list)

    @property
    def filled(self) -> list[Gap]:
        """The gaps without those that stay as they are."""
        return [gap for gap in self.gaps if not any(gap.inside(other) for other in self.rejected)]


def repair_file(
    path: str | Path,
    output: str | Path,
    gaps: Any = None,
    method: str | Method = "auto",
    *,
    references: Sequence[Any] = (),
    also: Sequence[Any] | Also = (),
    device: str | None = None,
    overwrite: bool = False,
    normalise: bool = False,
    progress: Progress | None = None,
) -> FileRepair:
    """Fill the gaps of an audio file; format, tags and all other samples stay as they are.

    Args:
        path: the damaged file.
        output: the file to write; its suffix names the format.
        gaps: as `repair` takes them; or a typed list ("0.1-0.15,2.31-2.36", "2.0+0.015" for an insertion), the path of
            a label track or CSV file, of which a column file tells whose gaps they are; None detects them.
        method: as `repair` takes it.
        references: as `repair` takes them.
        also: as `repair` takes them.
        device: as `repair` takes it.
        overwrite: replace an output that exists.
        normalise: where samples would clip in the output's format, scale all of them so that the loudest just fits.
        progress: called with (gaps filled, gaps in all).

    Raises:
        InputError: a file cannot be used, no gap is found, gaps do not fit, or a known sample is not finite that the
            method would be given; without references, a file is read around its gaps only.
        ContractError: the method broke its contract.

    >>> import numpy as np, soundfile
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) / 2
    >>> soundfile.write("damaged.wav", np.where(np.arange(16000) // 500 == 16, 0, tone), 16000)
    >>> repair_file("damaged.wav", "repaired.wav", "0.5-0.53125", "janssen").gaps
    [Gap(start=8000, stop=8500, channel=None)]
    """
    chosen = as_method(method)
    paths = Paths(allow="give overwrite=True")
    paths.reads(path, "the input")
    if isinstance(gaps, str | Path) and os.path.isfile(gaps):
        paths.reads(gaps, "the list of gaps")
    reads_references(references, path, paths)
    reads_also(also, path, paths)
    paths.writes(output, "the output")
    paths.check(overwrite)
    with Reader(path) as reader:
        recording, found = prepared(reader, gaps)
        if not found:
            raise InputError(f"no gap was found in {path}: name the gaps")
        return repair_recording(
            recording,
            output,
            found,
            chosen,
            references=references,
            also=also,
            device=device,
            progress=progress,
            normalise=normalise,
        )


def gaps_of(reader: Reader, given: Any) -> list[Gap]:
    """Return the gaps of a recording, in whatever form they are given; None detects them.

    Raises:
        InputError: they cannot be read, do not fit, or would make the recording longer.
    """
    recording, gaps = prepared(reader, given)
    if recording.insertions:
        raise InputError("only `inpaint` and `repair` make a recording longer: leave the insertions out")
    return gaps


def prepared(reader: Reader, given: Any) -> tuple[Reader, list[Gap]]:
    """Return a recording with room for insertions, and its gaps, in whatever form they are given; None detects them.

    Args:
        reader: the damaged recording, which stays open as long as what is returned is read.
        given: as `repair_file` takes them.

    Raises:
        InputError: they cannot be read, or do not fit.
    """
    if given is None:
        from audio_inpaint.detection import detect

        given = detect(reader)
    elif isinstance(given, str | Path):
        from audio_inpaint.gap_files import resolve_gaps

        given = resolve_gaps(str(given), reader.sample_rate, reader.length, reader.path)
    shape = reader.length, reader.channels, reader.sample_rate
    insertions, given = parted(given)
    gaps = as_gaps(given, *shape)
    if not insertions:
        return reader, gaps
    insertions = checked_insertions(insertions, reader.length, reader.sample_rate)
    return Widened(reader, insertions), with_room(gaps, insertions, *shape)


def repair_recording(
    reader: Reader,
    output: str | Path,
    gaps: Sequence[Gap],
    method: Method,
    *,
    references: Sequence[Any] = (),
    also: Sequence[Any] | Also = (),
    device: str | None = None,
    progress: Progress | None = None,
    rejected: Sequence[Gap] = (),
    normalise: bool = False,
) -> FileRepair:
    """Fill the gaps of an open recording, and write it to a file with nothing else changed.

    Args:
        reader: the damaged recording, as `prepared` returns it.
        output: the file to write, or to replace.
        gaps: as `prepared` returns them.
        method: what restores.
        references: as `repair` takes them.
        also: as `repair` takes them.
        device: where, if it can compute on a GPU.
        progress: called with (gaps filled, gaps in all).
        rejected: gaps among these whose samples are lost too, so that no method uses them, but stay as they are.
        normalise: as `repair_file` takes it.

    Raises:
        InputError: the output cannot be written, gaps do not fit, or a known sample is not finite.
        ContractError: the method broke its contract.
    """
    began, device = time.perf_counter(), checked_device(device)
    room = checked_room(reader, output, gaps, normalise)  # what would fail after minutes of work is refused before it
    fills, explanations = [], []
    shape = Shape(reader.channels, reader.length, reader.sample_rate)
    with aligned(references, Sound.of(reader, gaps), method) as others, opened(also, method) as opened_also:
        pool = opened_also.without(reader.path, output)
        plan = spans(gaps, shape, *context_and_longest(method), rejected)
        given = gaps, method, device, progress, others, plan, pool.searched
        for new, explained in filled(reader.read, shape, reader.dtype, *given):
            fills += new
            explanations += explained
        fits, searched = list(map(str, others)), pool.told(explanations)
    fills = [part for fill in fills for part in fill.without(rejected)]
    explanations = [one for one in explanations if not any(one.gap.inside(gap) for gap in rejected)]
    gain = room.gain([fill.audio for fill in fills]) if normalise else 1.0
    notes = [*write_patched(reader, output, fills, gain), *reader.remarks()]
    if normalise:
        scaled = f"all was scaled by {20 * math.log10(gain):.2f} dB, so that nothing clips"
        notes.append(scaled if gain != 1 else "nothing would clip, so nothing was scaled")
    seconds, explained = time.perf_counter() - began, _in_order(explanations)
    shape = reader.length, reader.sample_rate
    told = fits, searched, list(reader.insertions), list(rejected)
    return FileRepair(Path(output), *shape, seconds, list(gaps), fills, explained, notes, *told)


def _in_order(explanations: list[Explanation]) -> list[Explanation]:
    return sorted(explanations, key=lambda one: (one.gap.start, one.gap.stop, one.gap.channel or 0))
