"""The one HTML file of a listening test; it holds all its sound and needs nothing outside itself."""

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from audio_inpaint.files.atomic import replacing
from audio_inpaint.listening.levels import loudest
from audio_inpaint.listening.stimuli import Question

# the report's page and player come first: a stimulus is played by the same code as a source of a report
_STYLES = (("audio_inpaint.report", "page.css"), (__package__, "page.css"))
_SCRIPTS = (
    ("audio_inpaint.report", "page.js"),
    ("audio_inpaint.report", "sound.js"),
    *(
        (__package__, name)
        for name in ("order.js", "playback.js", "progress.js", "results.js", "question.js", "start.js")
    ),
)


def write_test(path: str | Path, questions: Sequence[Question], kind: str, title: str, seed: int = 0) -> str:
    """Write a listening test as a page that opens from a disk.

    All stimuli travel in the file, as 16 bits; what agrees with the open signal costs next to nothing. The same
    arguments give the same bytes.

    Args:
        path: the file; it appears, or is replaced, only when whole.
        questions: of equal loudness, see `levels.equalised`.
        kind: `plausibility` or `mushra`.
        title: heading of the page.
        seed: starts every listener's order, together with the participant's id.

    Returns:
        The test's id, a hash of all that the page asks; results of one id belong together.

    Raises:
        InputError: the page cannot be written.
    """
    places = [np.random.default_rng([seed, n]).permutation(len(q.stimuli)) for n, q in enumerate(questions)]
    items = [_item(question, order) for question, order in zip(questions, places, strict=True)]
    keys = [_key(question, order) for question, order in zip(questions, places, strict=True)]
    top = loudest(questions)
    source = 1 + int(np.flatnonzero(places[top.question] == top.stimulus)[0])
    data = {"kind": kind, "title": title, "seed": seed, "items": items}
    test = hashlib.sha256(json.dumps([data, keys], sort_keys=True).encode()).hexdigest()[:12]
    data |= {"test": test, "loudest": {"item": top.question, "source": source, "span": top.span}}
    for item, key in zip(items, keys, strict=True):
        item["key"] = scrambled(json.dumps(key), test)
    page = Template(_part(__package__, "page.html")).substitute(
        title=escape(title),
        kind=kind,
        count=len(questions),
        style="\n".join(_part(*place) for place in _STYLES),
        script="\n".join(_part(*place) for place in _SCRIPTS),
        # inside <script> only "<" could end the element
        data=json.dumps(data, allow_nan=False).replace("<", "\\u003c"),
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return test


def scrambled(text: str, word: str) -> str:
    """Make a text unreadable at a glance, and no more than that; doing it again to the bytes undoes it."""
    return base64.b64encode(bytes(byte ^ ord(word[n % len(word)]) for n, byte in enumerate(text.encode()))).decode()


def _part(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _item(question: Question, order: np.ndarray) -> dict:
    """What `decode` of the report's sound.js reads: the open signal, and the others less that one modulo 2^16."""
    base = _pcm(question.given)
    others = [_pcm(question.stimuli[index].audio) - base for index in order]
    return {
        "rate": question.sample_rate,
        "channels": base.shape[0],
        "length": base.shape[1],
        "sources": [{"audio": _packed(samples)} for samples in (base, *others)],
    }


def _key(question: Question, order: np.ndarray) -> dict:
    stimuli = [question.stimuli[index] for index in order]
    return {"item": question.item, "stimuli": [[stimulus.method, stimulus.role] for stimulus in stimuli]}


def _pcm(audio: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(audio * 2**15), -(2**15), 2**15 - 1).astype(np.int16)


def _packed(samples: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(samples.astype("<i2").tobytes(), 9)).decode()
