"""What a listening test plays: a folder of originals, damaged recordings and restorations, read and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import firwin, kaiserord, oaconvolve

from audio_inpaint.errors import InputError
from audio_inpaint.files.formats import FORMATS
from audio_inpaint.files.recording import read

ANCHORS = {"low": 3500.0, "mid": 7000.0}  # Hz, the pass-band edges of ITU-R BS.1534-3's low and mid anchor
MOST = 26  # stimuli of a question: one for each letter


@dataclass(frozen=True)
class Stimulus:
    """One of the sounds that a question hides under letters.

    Args:
        method: what made it: a method, `original`, or an anchor's name.
        role: `method`, `reference` or `anchor`.
        audio: (channel, time).
    """

    method: str
    role: str
    audio: np.ndarray


@dataclass(frozen=True)
class Question:
    """An item of the test.

    Args:
        item: its folder's name.
        sample_rate: Hz.
        given: (channel, time), heard openly: the damaged recording, or the reference of a MUSHRA test.
        reference: (channel, time), what the loudness is taken of: the original, or else the damaged recording.
        stimuli: what is rated.
    """

    item: str
    sample_rate: int
    given: np.ndarray
    reference: np.ndarray
    stimuli: list[Stimulus]


def questions(
    folder: Path,
    kind: str,
    methods: Sequence[str] | None = None,
    anchors: Sequence[str] = ("low",),
    count: int | None = None,
    seed: int = 0,
) -> list[Question]:
    """Read the questions of a test.

    Args:
        folder: holds a folder for each item, with `original.*`, `damaged.*` and a file named after each method.
        kind: `plausibility` or `mushra`.
        methods: those to compare; None takes every one that is there.
        anchors: for `mushra`: `low`, `mid` or `damaged`, one or several.
        count: how many items to draw; None takes all.
        seed: of that draw.

    Returns:
        Questions by item name.

    Raises:
        InputError: no items, or files that are missing, unreadable or do not fit each other.
    """
    items = _items(folder)
    if count is not None:
        if not 1 <= count <= len(items):
            raise InputError(f"{folder} holds {len(items)} items: --items must be from 1 to {len(items)}, not {count}")
        drawn = np.random.default_rng(seed).choice(len(items), count, replace=False)
        items = {name: items[name] for name in (list(items)[index] for index in sorted(drawn))}
    open_signals = {"original", "damaged"}
    methods = methods or sorted({stem for stems in items.values() for stem in stems} - open_signals)
    hidden = len(methods) + (1 + len(anchors) if kind == "mushra" else 0)
    if kind == "plausibility" and len(methods) < 2:
        raise InputError(f"a choice needs two restorations or more, not {len(methods)}")
    if not methods or hidden > MOST:
        raise InputError(f"a question would have {hidden} stimuli, of {len(methods)} methods: at most {MOST} fit")
    if "damaged" in methods or (kind == "mushra" and "original" in methods):
        raise InputError(f"--methods must name restorations and no open signal, not {', '.join(methods)}")
    return [_question(name, stems, kind, methods, anchors) for name, stems in items.items()]


def low_pass(audio: np.ndarray, sample_rate: int, edge: float) -> np.ndarray:
    """Take away all above an edge without moving anything in time.

    Args:
        audio: (channel, time).
        sample_rate: Hz.
        edge: of the pass band, Hz; half a kilohertz above it the attenuation is 60 dB.

    Source: ITU-R BS.1534 asks for 25 dB there and 50 dB at 1 kHz above, with a ripple of 0.1 dB at most.
    """
    taps, beta = kaiserord(60, 500 / (sample_rate / 2))
    window = firwin(taps | 1, edge + 250, window=("kaiser", beta), fs=sample_rate)
    return oaconvolve(audio, window[None], mode="full", axes=-1)[:, len(window) // 2 :][:, : audio.shape[1]]


def _items(folder: Path) -> dict[str, dict[str, Path]]:
    """Item -> stem -> file, in the order of the names."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give one that holds a folder for each item")
    items = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        stems = {}
        for path in sorted(place.iterdir()):
            if path.suffix.lower() not in FORMATS or path.name.startswith("."):
                continue
            if path.stem in stems:
                raise InputError(f"{place} holds {stems[path.stem].name} and {path.name}: keep one of them")
            stems[path.stem] = path
        if stems:
            items[place.name] = stems
    if not items:
        raise InputError(f"{folder} holds no folder with audio files: each item needs its own, with damaged.* in it")
    return items


def _question(item: str, stems: dict[str, Path], kind: str, methods: Sequence[str], anchors: Sequence[str]) -> Question:
    mushra = kind == "mushra"
    opened = "original" if mushra else "damaged"
    needed = [opened, *methods, *(["damaged"] if mushra and "damaged" in anchors else [])]
    if missing := [stem for stem in needed if stem not in stems]:
        raise InputError(f"item {item} has no file {missing[0]}.*: add it, or choose others with --methods")
    names = dict.fromkeys([*needed, *(["original"] if "original" in stems else [])])
    sounds, sample_rate = _sounds(item, {name: stems[name] for name in names})
    stimuli = [
        Stimulus(method, "reference" if method == "original" else "method", sounds[method]) for method in methods
    ]
    if mushra:
        stimuli.append(Stimulus("original", "reference", sounds["original"]))
        stimuli += [_anchor(item, name, sounds, sample_rate) for name in anchors]
    reference = sounds["original" if "original" in sounds else "damaged"]
    return Question(item, sample_rate, sounds[opened], reference, stimuli)


def _anchor(item: str, name: str, sounds: dict[str, np.ndarray], sample_rate: int) -> Stimulus:
    if name == "damaged":
        return Stimulus("damaged", "anchor", sounds["damaged"])
    if sample_rate / 2 < ANCHORS[name] + 1000:
        raise InputError(
            f"item {item} has {sample_rate} Hz: a low-pass at {ANCHORS[name]:.0f} Hz would hardly change it, "
            "choose --anchor damaged"
        )
    return Stimulus(f"{name} anchor", "anchor", low_pass(sounds["original"], sample_rate, ANCHORS[name]))


def _sounds(item: str, paths: dict[str, Path]) -> tuple[dict[str, np.ndarray], int]:
    """All waveforms of an item, of one shape and rate."""
    sounds, first = {}, None
    for name, path in paths.items():
        audio, sample_rate = read(path)
        form = (sample_rate, *audio.shape)
        first = first or (path.name, form)
        if form != first[1]:
            described = (f"{n} is {c} x {t} samples at {r} Hz" for n, (r, c, t) in (first, (path.name, form)))
            raise InputError(f"item {item}: {', '.join(described)}; they must agree in rate, channels and length")
        if audio.shape[0] > 2:
            raise InputError(f"{path} has {audio.shape[0]} channels: a listening test plays mono or stereo")
        if not audio.isfinite().all():
            raise InputError(f"{path} holds samples that are not numbers: restore it again")
        sounds[name] = audio.numpy()
    return sounds, first[1][0]
