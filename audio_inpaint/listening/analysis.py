"""What an analysis of a listening test says: a text to read, and rows for a table and a figure."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio_inpaint.files.atomic import replacing
from audio_inpaint.listening.responses import Rating, Responses

ALL = "(all)"  # the item of a row that sums up every item


@dataclass(frozen=True)
class Analysis:
    """The results of a listening test.

    Args:
        text: for people.
        rows: every figure, of all items together (item `(all)`) and of each item; column -> value.
        ratings: those that the figures are made of.
    """

    text: str
    rows: list[dict]
    ratings: list[Rating]


def write_rows(path: str | Path, rows: Sequence[dict]) -> None:
    """Write an analysis's rows as a CSV file, in full precision; what is not known stays empty.

    Raises:
        InputError: it cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: "" if value != value else value for name, value in row.items()})


def heading(responses: Responses) -> list[str]:
    """Say which test it is, who took it, and who did not finish."""
    answers = {person: set() for person in responses.participants}
    for rating in responses.ratings:
        answers[rating.participant].add(rating.item)
    lines = [
        f"{responses.title}: {responses.kind} test {responses.test}, {responses.questions} questions, "
        f"{len(answers)} participants, {sum(map(len, answers.values()))} answers"
    ]
    lines += [
        f"{person} answered only {len(items)} of {responses.questions} questions; these count"
        for person, items in answers.items()
        if len(items) < responses.questions
    ]
    return lines


def listener_means(ratings: Iterable[Rating], method: str) -> dict[str, float]:
    """Average each participant's ratings of a method: only answers of different listeners are independent."""
    values = {}
    for rating in ratings:
        if rating.method == method:
            values.setdefault(rating.participant, []).append(rating.rating)
    return {person: float(np.mean(given)) for person, given in values.items()}


def laid_out(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, its first column flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{'<' if n == 0 else '>'}{width}}" for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (heads, *rows)
    ]


def interval(low: float, high: float, digits: int = 1) -> str:
    """A confidence interval in words."""
    return "-" if low != low else f"{low:.{digits}f} to {high:.{digits}f}"


def p_value(p: float) -> str:
    """A probability, no finer than it deserves."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
