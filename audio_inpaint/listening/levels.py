"""How loud a listening test plays: references equally loud, no stimulus near full scale, and where it is loudest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from audio_inpaint.errors import InputError
from audio_inpaint.listening.loudness import BLOCK, STEP, integrated, momentary
from audio_inpaint.listening.stimuli import Question

TARGET = -23.0  # LUFS, EBU R 128: leaves room for the peaks of nearly all recordings
CEILING = -1.0  # dBFS
_AROUND = 1.5  # s on each side of the loudest moment


@dataclass(frozen=True)
class Loudest:
    """Where a test is loudest, for the listener to set the volume by.

    Args:
        question: index.
        stimulus: index among what the question rates.
        span: start and end of the passage, s.
    """

    question: int
    stimulus: int
    span: tuple[float, float]


def equalised(questions: Sequence[Question]) -> tuple[list[Question], float]:
    """Scale each question by one gain, so that all references are equally loud and no peak passes -1 dBFS.

    Args:
        questions: as they were read.

    Returns:
        The scaled questions, and the loudness of their references in LUFS: -23, or less where a peak asks for it.

    Raises:
        InputError: a reference is silent.
    """
    loudness = [_loudness(question) for question in questions]
    room = [value - _peak(question) for value, question in zip(loudness, questions, strict=True)]
    target = min(TARGET, *(CEILING + value for value in room))
    return [
        _scaled(question, 10 ** ((target - value) / 20)) for question, value in zip(questions, loudness, strict=True)
    ], target


def loudest(questions: Sequence[Question]) -> Loudest:
    """Find the loudest 400 ms that a test can play."""
    best, place = -np.inf, Loudest(0, 0, (0.0, 0.0))
    for index, question in enumerate(questions):
        duration = question.given.shape[1] / question.sample_rate
        for number, stimulus in enumerate(question.stimuli):
            blocks = momentary(_as_heard(stimulus.audio), question.sample_rate)
            top = int(np.argmax(blocks))
            if blocks[top] >= best:
                middle = STEP * top + BLOCK / 2
                span = max(0.0, middle - _AROUND), min(duration, middle + _AROUND)
                best, place = blocks[top], Loudest(index, number, span)
    return place


def _loudness(question: Question) -> float:
    value = integrated(_as_heard(question.reference), question.sample_rate)
    if value == -np.inf:
        raise InputError(
            f"item {question.item}: its original is silent, its loudness cannot be set; leave the item out"
        )
    return value


def _as_heard(audio: np.ndarray) -> np.ndarray:
    """A mono recording comes out of both loudspeakers."""
    return np.repeat(audio, 2, axis=0) if len(audio) == 1 else audio


def _sounds(question: Question) -> list[np.ndarray]:
    return [question.given, *(stimulus.audio for stimulus in question.stimuli)]


def _peak(question: Question) -> float:
    return 20 * np.log10(max(np.abs(audio).max() for audio in _sounds(question)))


def _scaled(question: Question, gain: float) -> Question:
    stimuli = [replace(stimulus, audio=gain * stimulus.audio) for stimulus in question.stimuli]
    return replace(question, given=gain * question.given, reference=gain * question.reference, stimuli=stimuli)
