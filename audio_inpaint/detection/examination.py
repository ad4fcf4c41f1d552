"""Finding damage: block by block, each search looks at each channel, and what they say is joined."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from audio_inpaint.detection import bursts, clicks, combs, constant, dropouts, jumps, repetitions
from audio_inpaint.detection.agreement import agreed
from audio_inpaint.detection.blocks import CONTEXT_S, Block, blocks
from audio_inpaint.detection.found import Detection, apart, join_channels
from audio_inpaint.detection.gates import Levels, Pause, pauses, pauses_meant
from audio_inpaint.detection.kinds import Search, search
from audio_inpaint.detection.levels import weighed
from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import SLOWEST, Reader
from audio_inpaint.gaps import Gap

# Constant runs and bursts are always looked for: their edges would else pass for other kinds.
_SEARCHES = {
    constant.find: (),
    combs.find: ("combs",),
    repetitions.find: ("repeats",),
    dropouts.find: ("dropouts",),
    clicks.find: ("clicks",),
    bursts.find: (),
    jumps.find: ("jumps",),
}
_LOUD = ("repeats", "bursts")  # no quiet end of a block says that these go on
_FAR_S = 2.0
_MEET_S = 0.001  # what is nearer belongs together
_BESIDE_S = 0.01


@dataclass(frozen=True)
class Findings:
    """What a search found.

    Attributes:
        damage: in the order of time.
        deliberate: runs of zeros that look meant: gates, stopped notes, synthesised pauses.
    """

    damage: list[Detection] = field(default_factory=list)
    deliberate: list[Detection] = field(default_factory=list)


def detect(
    source: str | Path | Reader,
    kinds: str | Iterable[str] | None = None,
    *,
    preset: str | None = None,
    sensitivity: float | Mapping[str, float] = 0.5,
    min_confidence: float = 0.5,
    min_ms: float | None = None,
    max_ms: float | None = None,
    deliberate: bool = False,
) -> list[Detection]:
    """Find the damage in an audio file, read block by block.

    Stretches at the same place in all channels become one detection with channel None. Silence that looks meant is not
    listed: pauses between fades, and runs of zeros where a gate closed, notes were stopped, or cuts keep time. Where
    that is only possible, the confidence is lower.

    Args:
        source: an audio file, or an open one.
        kinds: what to look for, as "zeros,held" or a list; None for digital damage and dropouts.
        preset: kinds for a medium: "digital", "tape", "vinyl", "voip" or "speech".
        sensitivity: from 0 to 1, of all kinds or {kind: sensitivity}; 0.1 more makes the odds of damage three times as
            large.
        min_confidence: the least probability of damage that is reported. A gap with one edge in the file stays below
            0.6.
        min_ms: the shortest stretch; None for each kind's.
        max_ms: the longest stretch, an hour at most; None for each kind's.
        deliberate: list silence that looks meant, too.

    Raises:
        InputError: the file cannot be read or has too low a rate, there is no such kind or preset, or a number is out
            of range.

    >>> import numpy as np, soundfile
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) / 2
    >>> soundfile.write("damaged.wav", np.where(np.arange(16000) // 500 == 16, 0, tone), 16000)
    >>> [(found.kind, found.gap) for found in detect("damaged.wav")]
    [('zeros', Gap(start=8000, stop=8500, channel=None))]
    """
    wanted = search(kinds, preset, sensitivity, min_confidence, min_ms, max_ms, deliberate)
    if isinstance(source, Reader):
        return examine(source, wanted).damage
    with Reader(source) as reader:
        return examine(reader, wanted).damage


def examine(reader: Reader, wanted: Search) -> Findings:
    """Find the damage in an open recording, and the silence in it that looks meant.

    Args:
        reader: the recording.
        wanted: as `search` returns it.

    Raises:
        InputError: the file cannot be read, or has too low a rate.
    """
    if reader.sample_rate < SLOWEST:
        raise InputError(
            f"damage is looked for from {SLOWEST} Hz on, and {reader.path} has {reader.sample_rate} Hz: name the gaps"
        )
    found: list[Detection] = []
    runs: list[Pause] = []
    levels = Levels(reader.channels)
    ahead = max([CONTEXT_S, *(wanted.lengths[kind][1] / 1000 + CONTEXT_S for kind in wanted.kinds if kind in _LOUD)])
    for block in blocks(reader, max(wanted.lengths[kind][1] for kind in wanted.kinds) / 1000, min(ahead, _FAR_S)):
        levels.add(block)
        heard = [_heard(block, channel, wanted) for channel in range(reader.channels)]
        heard = agreed(heard, block, apart=block.samples(_MEET_S / 2))
        per_channel = [_chosen(block, one, wanted) for one in heard]
        joined = join_channels(per_channel, tolerance=max(2, block.samples(_MEET_S)))
        runs += pauses(block, joined)
        found += [
            one.moved(block.offset)
            for one in joined
            if one.kind in wanted.kinds and one.confidence >= wanted.min_confidence
        ]
    if wanted.deliberate:
        return Findings(found)
    meant = pauses_meant(runs, levels)
    damage, deliberate = [], []
    for one in found:
        least = weighed(1 - meant.get(one, 0.0), wanted.sensitivity[one.kind])
        sure = replace(one, confidence=one.confidence * least)
        if sure.confidence < 0.5 <= max(one.confidence, 1 - least):
            deliberate.append(sure)
        elif sure.confidence >= wanted.min_confidence:
            damage.append(sure)
    return Findings(damage, deliberate)


def _heard(block: Block, channel: int, wanted: Search) -> list[Detection]:
    """Return what all searches that are wanted say of a channel."""
    finds = [find for find, kinds in _SEARCHES.items() if not kinds or set(kinds) & set(wanted.kinds)]
    return [one for find in finds for one in find(block, channel)]


def _chosen(block: Block, heard: list[Detection], wanted: Search) -> list[Detection]:
    """Return what begins in a block, weighed, of the lengths wanted, one kind for each place."""
    found = []
    for one in heard:
        least, most = (limit * block.sample_rate / 1000 for limit in wanted.lengths[one.kind])
        if block.owns(one.gap.start) and least <= len(one.gap) <= most + 0.5:
            found.append(replace(one, confidence=weighed(one.confidence, wanted.sensitivity[one.kind])))
    noise = [one.gap for one in found if one.kind == "bursts" and one.confidence >= 0.5]
    found = [one for one in found if one.kind != "bursts" or "bursts" in wanted.kinds]
    return apart([one for one in found if one.kind != "dropouts" or not _beside(one, noise, block)], margin=0)


def _beside(one: Detection, noise: list[Gap], block: Block) -> bool:
    """Whether a stretch lies at a burst: next to that, any sound is a dip."""
    near = block.samples(_BESIDE_S)
    return any(one.gap.start <= gap.stop + near and gap.start - near <= one.gap.stop for gap in noise)
