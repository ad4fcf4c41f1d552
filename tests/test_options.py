"""Every option of every method: what it takes, what it refuses, and that it reaches the method."""

import dataclasses
import math

import numpy as np
import pytest
from benchmark_cases import tone

import audio_inpaint
from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.methods import registry
from audio_inpaint.methods.options import allows, options, ranged

# Refused wherever a number is wanted; and what is no number in Python.
NO_NUMBERS = ["abc", "", "nan", "-inf", "true", "[1,2]", "{a: 1}", "1_0", "1e999e9"]
NO_NUMBERS_IN_PYTHON = ["5", math.nan, -math.inf, True, [1], {}, object(), 1j]
NO_LISTS = ["abc", "", "0.1", "null", "{a: 1}", "[abc]", "[null]", "[nan]", "[[0.1]]", "[0.1", "[0.1,true]"]
NO_LISTS_IN_PYTHON = ["[0.1]", 0.1, None, {}, [None], ["0.1"], [[0.1]], [math.nan], [True]]
NO_WORDS = ["", "null", "1", "[filled]", "nonsense"]
NO_WORDS_IN_PYTHON = ["", 1, ["filled"], "nonsense", True]

COUNT = [0, -3, 2.5, math.inf, 10**7, 1e23]
AMOUNT = [0, -1, math.inf, 1e9, 1e-12, 0.0009]
CONTEXT = [0, -1, 1e-12, 0.0009]

# method, option: what is accepted as text, what it means, and what is out of range, in text and in Python
TABLE = {
    ("Burg", "order"): ("1e3", 1000, COUNT),
    ("Burg", "context"): ("0.5", 0.5, [*AMOUNT, None]),
    ("Janssen", "iterations"): ("3", 3, [*COUNT, None]),
    ("Janssen", "order"): ("null", None, COUNT),
    ("Janssen", "context"): ("1e-1", 0.1, [*AMOUNT, None]),
    ("Recall", "templates"): ("[0.032,0.064]", (0.032, 0.064), [[], [0], [0.1, 1e-12], [0.1, -0.1], [math.inf]]),
    ("Recall", "long_templates"): ("[0.5]", (0.5,), [[0], [0.1, 1e-12], [0.1, -0.1], [math.inf]]),
    ("Recall", "contexts"): ("[1,2]", (1.0, 2.0), [[2, 1], [], [1, 0], [1, -1], [1, 100], [1, math.inf]]),
    ("Recall", "matches"): ("4", 4, [*COUNT, None]),
    ("Recall", "responses"): ("[1,9]", (1, 9), [[0], [1, -1], [1.5], [10**7]]),
    ("Recall", "context"): ("inf", math.inf, [*CONTEXT, None]),
    ("Auto", "natural"): ("0.25", 0.25, [-0.1, 1.1, math.inf, None]),
    ("LocalTransplant", "side"): ("0.1", 0.1, [*AMOUNT, None]),
    ("LocalTransplant", "context"): (".inf", math.inf, [*CONTEXT, None]),
    ("SimilarityGraph", "context"): ("60", 60.0, [*CONTEXT, None]),
    ("Silence", "context"): ("1", 1.0, [*CONTEXT, None]),
    ("CatchAWaveform", "epochs"): ("40", 40, [*COUNT, None]),
    ("CatchAWaveform", "width"): ("16", 16, [*COUNT, None]),
    ("CatchAWaveform", "seed"): ("0", 0, [-1, 0.5, 2**63, None]),
    ("CatchAWaveform", "context"): ("3", 3.0, [*CONTEXT, None]),
    ("CatchAWaveform", "longest"): ("10", 10.0, [*AMOUNT, None]),
    ("ContextEncoder", "enlarge"): ("forwards", "forwards", []),
    ("ContextEncoder", "phases"): ("reconstructed", "reconstructed", []),
    ("ContextEncoder", "share"): ("0.25", 0.25, [-0.1, 5, math.inf, None]),
    ("DeepPrior", "steps"): ("7", 7, COUNT),
    ("DeepPrior", "learning_rate"): ("1e-3", 1e-3, [0, -1, math.inf, 1e40, 1e22, 11, 1e-12]),
    ("DeepPrior", "averaging"): ("0", 0.0, [-0.1, 1, math.inf]),
    ("DeepPrior", "enough"): ("0.5", 0.5, [-0.1, 1.1, math.inf]),
    ("DeepPrior", "level"): ("0.2", 0.2, [0, -1, math.inf, 1e-12, 1e12]),
    ("DeepPrior", "seed"): ("5", 5, [-1, 0.5, 2**32]),
    ("DeepPrior", "seeds"): ("2", 2, COUNT),
    ("DeepPrior", "precision"): ("32-true", "32-true", ["16-mixed"]),
    ("DeepPrior", "context"): ("0.5", 0.5, CONTEXT),
    ("DeepPrior", "longest"): ("inf", math.inf, CONTEXT),
}
# They name code and not a value: test_own_networks.py.
CODE = {("ContextEncoder", "network")}
# Yes or no, and a file: test_refiner.py.
OTHER = {("Auto", "refine"), ("Auto", "refiner")}
# one method of each class, and the one that shares another's options
EXAMPLES = {
    "Burg": "burg",
    "Janssen": "janssen",
    "Recall": "recall",
    "Auto": "auto",
    "LocalTransplant": "transplant",
    "SimilarityGraph": "sga",
    "Silence": "silence",
    "CatchAWaveform": "caw",
    "ContextEncoder": "ce_music",
    "DeepPrior": "dpai_fast",
}
SHARED = {"Auto": "Recall"}

every_option = pytest.mark.parametrize(("kind", "option"), list(TABLE), ids=str)


def taken(name):
    """Return the class of a method and the types of its options."""
    factory, arguments = registry.resolved(name)
    return factory, options(factory, len(arguments))


def reached(restorer, option):
    """Return what a method works with."""
    if option == "phases":
        return "filled" if restorer.improves else "reconstructed"
    for place in (restorer, getattr(restorer, "config", None)):
        if hasattr(place, option):
            return getattr(place, option)
    return restorer.config.prior[option]


def as_text(value):
    """Write a value as one types it."""
    if isinstance(value, list):
        return f"[{','.join(map(as_text, value))}]"
    return "null" if value is None else str(value)


def nonsense(kind, option):
    """Return what an option refuses, as text."""
    wanted = taken(EXAMPLES[kind])[1][option]
    lists, words = "tuple" in str(wanted), "Literal" in str(wanted)
    common = NO_LISTS if lists else NO_WORDS if words else NO_NUMBERS
    return [text for text in common if not (text == "null" and allows(wanted, None))] + [
        as_text(value) for value in TABLE[kind, option][2]
    ]


def nonsense_in_python(kind, option):
    """Return what an option refuses, as values."""
    wanted = str(taken(EXAMPLES[kind])[1][option])
    common = NO_WORDS_IN_PYTHON if "Literal" in wanted else NO_NUMBERS_IN_PYTHON
    return [*(NO_LISTS_IN_PYTHON if "tuple" in wanted else common), *TABLE[kind, option][2]]


def test_every_option_of_every_method_is_in_the_table():
    found = set()
    for name in audio_inpaint.method_names():
        factory, types = taken(name)
        own, shared = factory.__name__, SHARED.get(factory.__name__)
        found |= {(shared if (shared, option) in TABLE else own, option) for option in types}
    assert found == set(TABLE) | CODE | OTHER


@pytest.mark.parametrize("name", list(registry.names()))
def test_every_option_has_a_type_and_every_number_a_range(name):
    _, types = taken(name)
    assert [option for option, kind in types.items() if not ranged(kind)] == []


@every_option
def test_what_is_typed_reaches_the_method(kind, option):
    text, value, _ = TABLE[kind, option]
    built = audio_inpaint.method(f"{EXAMPLES[kind]}:{option}={text}")
    assert type(built).__name__ == kind
    assert reached(built, option) == value
    assert type(reached(built, option)) is type(value)
    plain = audio_inpaint.method(EXAMPLES[kind])
    if value is not None:  # which is the default where it is allowed
        assert reached(plain, option) != value or (kind, option) == ("CatchAWaveform", "seed")


@every_option
def test_what_is_given_from_python_reaches_the_method(kind, option):
    _, value, _ = TABLE[kind, option]
    assert reached(audio_inpaint.method(EXAMPLES[kind], **{option: value}), option) == value


@every_option
def test_what_is_typed_and_does_not_fit_is_refused_in_one_line_that_names_it(kind, option):
    for text in nonsense(kind, option):
        spec = f"{EXAMPLES[kind]}:{option}={text}"
        with pytest.raises(InputError) as caught:
            audio_inpaint.method(spec)
        said = str(caught.value)
        assert said.startswith(f"{spec}: {option}"), said
        assert "\n" not in said
        assert len(said) < 300


@every_option
def test_python_is_refused_the_same(kind, option):
    """By the registry as an InputError, by the class as a ValueError, which it is too."""
    factory, _ = taken(EXAMPLES[kind])
    _, arguments = registry.resolved(EXAMPLES[kind])
    for value in nonsense_in_python(kind, option):
        with pytest.raises(InputError, match=option):
            audio_inpaint.method(EXAMPLES[kind], **{option: value})
        with pytest.raises(ValueError, match=option):
            factory(*arguments, **{option: value})


@every_option
def test_the_command_refuses_in_one_line_and_writes_nothing(kind, option, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in nonsense(kind, option):
        spec = f"{EXAMPLES[kind]}:{option}={text}"
        assert main(["inpaint", "in.wav", "-o", "out.wav", "--gaps", "0.1-0.2", "--method", spec]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"audio-inpaint: error: {' '.join(spec.split())}: {option}")
        assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("janssen:speed=3", "no option 'speed'; choose from iterations, order, context"),
        ("janssen:order", "options are written NAME=VALUE"),
        ("janssen:order=5,order=6", "order is given twice"),
        ("janssen:order=5,6", "'6' is no option"),
        ("janssen:order=5,", "'' is no option"),
        ("dpai_fast:speed=3", "no option 'speed'"),
        ("dpai_fast:name=dpai", "no option 'name'"),
        ("ce_music:checkpoint=other.pt", "no option 'checkpoint'"),
        ("nothing:order=5", "no method is called 'nothing'"),
        ("", "no method is called ''"),
        (":", "no method is called ':'"),
    ],
)
def test_what_is_no_option_or_no_method_is_refused_in_one_line(spec, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["inpaint", "in.wav", "-o", "out.wav", "--method", spec]) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.count("\n") == 1


def test_the_benchmark_refuses_options_before_any_work(tmp_path, capsys):
    tone(tmp_path / "clips" / "a.wav")
    given = ["benchmark", str(tmp_path / "clips"), "-o", str(tmp_path / "out"), "--methods", "silence,janssen:order=-3"]
    assert main(given) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("audio-inpaint: error: janssen:order=-3: order is a whole number from 1")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "out" / "cache").exists()


def test_text_and_python_together_make_a_method_and_no_option_is_given_twice():
    assert audio_inpaint.method("janssen:iterations=5", order=100).order == 100
    with pytest.raises(InputError, match="order is given twice"):
        audio_inpaint.method("janssen:order=5", order=6)
    with pytest.raises(InputError, match="no option 'speed'"):
        audio_inpaint.method("janssen", speed=3)


def test_numbers_of_numpy_and_lists_are_numbers_and_lists():
    assert audio_inpaint.method("janssen", order=np.int64(7), context=np.float32(0.5)).order == 7
    assert audio_inpaint.method("recall", templates=[0.032, np.float64(0.064)], contexts=[1]).contexts == [1]


@pytest.mark.parametrize(("name", "option"), [("janssen", "order"), ("janssen", "iterations"), ("dpai_fast", "steps")])
@pytest.mark.parametrize("value", [5.0, np.float64(5), np.float32(5)])
def test_a_whole_number_may_be_written_with_a_point_as_in_text(name, option, value):
    _, arguments = registry.resolved(name)
    kind = type(audio_inpaint.method(name))
    for built in (
        audio_inpaint.method(f"{name}:{option}=5.0"),
        audio_inpaint.method(name, **{option: value}),
        kind(*arguments, **{option: value}),
    ):
        assert reached(built, option) == 5
        assert type(reached(built, option)) is int


def test_a_changed_copy_of_a_method_is_checked_too():
    with pytest.raises(ValueError, match="iterations is a whole number from 1 to 1000000, not 0"):
        dataclasses.replace(audio_inpaint.method("janssen"), iterations=0)
