"""Result files of a listening test, as its page saves them: read, checked and brought together."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason

FORMAT = "audio-inpaint listening-test 1"  # as results.js writes it
RANGES = {"plausibility": (1, 5), "mushra": (0, 100)}
ROLES = ("method", "reference", "anchor")


@dataclass(frozen=True)
class Rating:
    """What a participant said of a stimulus.

    Args:
        participant: id.
        item: name.
        method: of the stimulus, or its name if it is the reference or an anchor.
        role: `method`, `reference` or `anchor`.
        rating: 1 to 5 (plausibility) or 0 to 100 (mushra).
        best: it was chosen as the most plausible of its question.
    """

    participant: str
    item: str
    method: str
    role: str
    rating: int
    best: bool


@dataclass(frozen=True)
class Responses:
    """What all participants said.

    Args:
        kind: `plausibility` or `mushra`.
        test: id.
        title: of the test.
        questions: how many the test has.
        ratings: one by one.
    """

    kind: str
    test: str
    title: str
    questions: int
    ratings: list[Rating]

    @property
    def participants(self) -> list[str]:
        """In the order of the files."""
        return list(dict.fromkeys(rating.participant for rating in self.ratings))

    @property
    def items(self) -> list[str]:
        """By name."""
        return sorted({rating.item for rating in self.ratings})

    @property
    def methods(self) -> dict[str, str]:
        """Method -> role: methods, then the reference, then anchors, each by name."""
        roles = {rating.method: rating.role for rating in self.ratings}
        return dict(sorted(roles.items(), key=lambda pair: (ROLES.index(pair[1]), pair[0])))


def collected(paths: Sequence[Path]) -> tuple[Responses, list[str]]:
    """Read result files of one test.

    Args:
        paths: JSON or CSV files that the page saved, or folders of them.

    Returns:
        All ratings, and a line for each file that could not be used.

    Raises:
        InputError: no file can be used, they belong to several tests, or a participant is in two of them.
    """
    read, broken = {}, []
    for path in _files(paths):
        try:
            read[path] = _table(path) if path.suffix.lower() == ".csv" else _record(path)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
            broken.append(f"{path} cannot be read: {reason(error)}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            broken.append(f"{path} is no result file of a listening test: {_fault(error)}")
    if not read:
        raise InputError("no result file of a listening test among what was given" + "".join(f"; {x}" for x in broken))
    _one_test(read)
    first = next(iter(read.values()))
    ratings = [rating for responses in read.values() for rating in responses.ratings]
    return Responses(first.kind, first.test, first.title, first.questions, ratings), broken


def _files(paths: Sequence[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.iterdir() if file.suffix.lower() in (".json", ".csv"))
        elif path.exists():
            yield path
        else:
            raise InputError(f"{path} does not exist")


def _fault(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return reason(error) if isinstance(error, ValueError) else "it is laid out otherwise"


def _one_test(read: dict[Path, Responses]) -> None:
    tests, seen = {}, {}
    for path, responses in read.items():
        tests.setdefault(responses.test, path)
        (participant,) = responses.participants
        if participant in seen:
            raise InputError(
                f"participant {participant} is in both {seen[participant]} and {path}: give only one of them"
            )
        seen[participant] = path
    if len(tests) > 1:
        listed = ", ".join(f"{path} of test {test}" for test, path in tests.items())
        raise InputError(f"the files belong to different tests: {listed}; analyse them one by one")


def _record(path: Path) -> Responses:
    record = json.loads(path.read_text(encoding="utf-8-sig"))
    answers = [{**record, **answer, **stimulus} for answer in record["answers"] for stimulus in answer["stimuli"]]
    return _responses(answers)


def _table(path: Path) -> Responses:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, strict=True))
    for row in rows:
        row["best"] = str(row.get("best")).lower() == "true"  # a spreadsheet writes TRUE
        row["rating"], row["questions"] = int(row["rating"]), int(row["questions"])
    return _responses(rows)


def _responses(rows: Sequence[dict]) -> Responses:
    """Checked ratings of one participant."""
    if not rows:
        raise ValueError("it holds no answer")
    first = rows[0]
    if first["format"] != FORMAT:
        raise ValueError(f"its format is {first['format']!r}, not {FORMAT!r}")
    if first["kind"] not in RANGES:
        raise ValueError(f"its kind is {first['kind']!r}")
    low, high = RANGES[first["kind"]]
    questions = {}
    for row in rows:
        if any(row[name] != first[name] for name in ("kind", "test", "participant")):
            raise ValueError("it mixes several participants or tests")
        if row["role"] not in ROLES:
            raise ValueError(f"it knows a role {row['role']!r}")
        if not isinstance(row["rating"], int) or not low <= row["rating"] <= high:
            raise ValueError(f"a rating is {row['rating']!r}, beyond {low} to {high}")
        item, method = str(row["item"]), str(row["method"])
        best = first["kind"] == "plausibility" and row["best"] is True
        rating = Rating(str(row["participant"]), item, method, row["role"], row["rating"], best)
        if questions.setdefault(item, {}).setdefault(method, rating) is not rating:
            raise ValueError(f"it rates {method} twice in item {item}")
    methods = next(iter(questions.values())).keys()
    for item, ratings in questions.items():
        if ratings.keys() != methods:
            raise ValueError(f"item {item} does not have the stimuli of the others")
        if first["kind"] == "plausibility" and sum(rating.best for rating in ratings.values()) != 1:
            raise ValueError(f"item {item} lacks one choice of the most plausible")
    listed = [rating for ratings in questions.values() for rating in ratings.values()]
    return Responses(first["kind"], str(first["test"]), str(first["title"]), int(first["questions"]), listed)
