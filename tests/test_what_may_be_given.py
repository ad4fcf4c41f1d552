"""The front door takes what can be understood in any form, and refuses the rest in one line."""

import math
import warnings

import numpy as np
import pytest
import soundfile
import torch

import audio_inpaint
from audio_inpaint import Detection, Gap, InputError, detect, register, repair, repair_file
from audio_inpaint.methods import registry
from audio_inpaint.methods.contract import ContractError

RATE, LENGTH = 8000, 4000
GAP = Gap(1000, 1200)
NO_PATHS = [None, 5, b"in.wav", np.zeros(9), ["in.wav"], "in\0.wav"]


def noise(channels=2, dtype=np.float64):
    return np.random.default_rng(3).uniform(0.1, 0.9, (channels, LENGTH)).astype(dtype)


def quarter(audio, gap, sample_rate):
    return audio.masked_fill(gap, 0.25)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_REGISTERED", {})
    soundfile.write("in.wav", noise().T, RATE, subtype="FLOAT")
    return tmp_path


def refused(call, *arguments, match="", error=InputError, **named):
    with pytest.raises(error, match=match) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


# Gaps


@pytest.mark.parametrize("one", [GAP, Detection(GAP, "zeros", 0.9), Gap(1000.0, np.int64(1200)), Gap(1000, 1200, 1.0)])
def test_one_gap_or_detection_needs_no_list(one):
    result = repair(noise(), one, RATE, quarter)
    (gap,) = result.gaps
    assert gap in (GAP, Gap(1000, 1200, 1))
    assert all(type(position) is int for position in (gap.start, gap.stop))
    assert (result.audio[1, 1000:1200] == 0.25).all()


@pytest.mark.parametrize(
    "gap",
    [
        Gap(0.5, 7),
        Gap(1, 7.5),
        Gap("1", 7),
        Gap(None, 7),
        Gap(1, None),
        Gap(True, 7),
        Gap(math.nan, 7),
        Gap(1, math.inf),
        Gap(1, 7, 0.5),
        Gap(1, 7, "all"),
        Gap(1, 7, True),
        Gap([1], 7),
        Detection(Gap("1", 7), "zeros", 1.0),
        Detection(None, "zeros", 1.0),
        b"ab",
        (True, 7),
        np.zeros((3, 3)),
    ],
    ids=str,
)
def test_a_gap_whose_numbers_are_none_is_refused(gap, here):
    refused(repair, noise(), [gap], RATE, quarter, match="is not a gap: give")
    refused(repair_file, "in.wav", "out.wav", [gap], quarter, match="is not a gap: give")
    assert not (here / "out.wav").exists()


@pytest.mark.parametrize("gaps", [np.array(5), np.array(True), torch.tensor(5), b"1:7", ...], ids=str)
def test_gaps_that_are_no_list_are_refused(gaps):
    refused(repair, noise(), gaps, RATE, quarter, match="gaps are a list|the mask has the shape")


# Files, and what is looked for in them


@pytest.mark.parametrize("path", NO_PATHS, ids=str)
def test_what_is_no_path_is_refused(path, here):
    refused(detect, path, match="the audio file is named by a path")
    refused(repair_file, path, "out.wav", [GAP], quarter, match="the input is named by a path")
    refused(repair_file, "in.wav", path, [GAP], quarter, match="the output is named by a path")
    assert [file.name for file in here.iterdir()] == ["in.wav"]


@pytest.mark.parametrize("longest", [math.nan, math.inf, -math.inf, "a", -5, 0, True, 1e12, [5]], ids=str)
def test_a_longest_gap_that_is_out_of_range_is_refused(longest, here):
    refused(detect, "in.wav", max_ms=longest, match="max_ms is a number above 0 to 3600000, not")


@pytest.mark.parametrize("threshold", ["x", None, 5, -1, 1.01, math.nan, math.inf, True], ids=str)
def test_a_threshold_that_is_out_of_range_is_refused(threshold, here):
    refused(detect, "in.wav", min_confidence=threshold, match="min_confidence is a number from 0 to 1, not")


def test_the_ends_of_the_ranges_of_detect_are_in_them(here):
    for threshold, longest in ((0, 1), (1, 3.6e6), (np.float32(0.5), np.int64(500))):
        assert detect("in.wav", min_confidence=threshold, max_ms=longest) == []


# Methods


@pytest.mark.parametrize("spec", [None, 5, b"janssen", ["janssen"], ...], ids=str)
def test_a_method_is_named_by_text(spec):
    refused(audio_inpaint.method, spec, match="a method is named by text")


def test_what_cannot_be_registered_is_refused(here):
    for name in (None, 5, b"mine", "", "a b", "a\n"):
        refused(register, name, quarter, match="a method's name is made of letters", error=ValueError)
    for factory in (None, 5, "janssen"):
        refused(register, "mine", factory, match="neither a class nor a method", error=ValueError)
    for description in (None, 5, "two\nlines"):
        refused(register, "mine", quarter, description, match="described by one line", error=ValueError)
    assert "mine" not in audio_inpaint.method_names()


def test_a_class_of_what_is_no_method_is_refused():
    refused(repair, noise(), [GAP], RATE, int, match="int is no method")


def fade(**attributes):
    """Return a method with the attributes."""
    kind = type("Fade", (), {"__call__": staticmethod(quarter), **attributes})
    return kind()


@pytest.mark.parametrize("value", ["a", None, math.nan, -1, -math.inf, [1.0], True, 1j], ids=str)
@pytest.mark.parametrize("attribute", ["context", "longest"])
def test_a_method_that_wants_nonsense_is_named(attribute, value, here):
    for call, audio in ((repair, (noise(), [GAP], RATE)), (repair_file, ("in.wav", "out.wav", [GAP]))):
        refused(call, *audio, fade(**{attribute: value}), match=f"^Fade.{attribute} is a number", error=ContractError)
    assert not (here / "out.wav").exists()


def test_a_method_that_wants_no_context_is_blamed_and_not_the_gap():
    refused(
        repair,
        noise(),
        [GAP],
        RATE,
        fade(context=0),
        match=r"^Fade\.context is .* above 0.*, not 0$",
        error=ContractError,
    )


@pytest.mark.parametrize(
    "attributes", [{"context": math.inf, "longest": math.inf}, {"context": np.float32(0.01)}, {"longest": 0}]
)
def test_a_method_may_want_everything_or_little(attributes):
    assert (repair(noise(), [GAP], RATE, fade(**attributes)).audio[:, 1000:1200] == 0.25).all()


# Audio


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", "<f2", "<f4", "<f8"])
@pytest.mark.parametrize("writeable", [True, False])
def test_arrays_of_any_order_of_bytes_and_read_only_ones_come_back_as_they_were(dtype, writeable):
    audio = noise().astype(dtype)
    audio.flags.writeable = writeable
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = repair(audio, [GAP], RATE, quarter)
    assert result.audio.dtype == audio.dtype
    known = np.delete(np.arange(LENGTH), np.s_[1000:1200])
    assert result.audio[:, known].tobytes() == audio[:, known].tobytes()
    assert (result.audio[:, 1000:1200] == 0.25).all()
    assert audio.tobytes() == noise().astype(dtype).tobytes()


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (noise().astype(np.longdouble), f"not {np.dtype(np.longdouble)}: convert it"),
        (noise().astype(complex), "not complex128: give its real part"),
        (torch.zeros(2, LENGTH, dtype=torch.complex64), "not torch.complex64: give its real part"),
        (noise().astype(">i2"), "not int16: divide integers by full scale"),
        (noise().astype(bool), "not bool: convert it"),
        (noise().astype(object), "not object: convert it"),
        (np.ma.masked_greater(noise(), 0.5), "masked array: give audio.filled"),
        ([[0.1, 0.2], [0.3]], "not list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "audio",
)
def test_audio_of_another_kind_is_named(audio, message):
    refused(repair, audio, [GAP], RATE, quarter, match=message)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_a_known_sample_that_is_not_finite_is_refused_wherever_it_is(value, kind):
    samples = np.ones((2, 300_000), np.float32)
    samples[1, 250_000] = value
    for gaps in ([GAP], []):
        refused(repair, kind(samples), gaps, RATE, fade(context=0.01), match="the first at sample 250000")
    assert repair(kind(samples), [(249_900, 250_100, 1)], RATE, fade(context=0.01)).gaps
