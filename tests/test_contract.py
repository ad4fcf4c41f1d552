"""What a method gets from `repair`, and what it may return and do."""

import sys

import numpy as np
import pytest
import torch
from one_gap import GAP, LENGTH, RATE, noise, quarter

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.contract import ContractError
from audio_inpaint.methods.explanation import Explanation
from audio_inpaint.repairing import repair


def test_a_method_sees_zeros_in_the_gap_and_the_known_samples_of_the_other_channel():
    seen, audio = [], noise(dtype=np.float32)
    audio[1, 1000:1200] = np.nan  # what a gap holds is not looked at

    def spy(given, gap, sample_rate):
        seen.append((given.clone(), gap.clone(), sample_rate))
        return quarter(given, gap, sample_rate)

    spy.context = float("inf")
    repair(audio, [Gap(1000, 1200, 1)], RATE, spy)
    ((given, gap, rate),) = seen
    assert rate == RATE
    own = gap_mask([Gap(1000, 1200, 1)], LENGTH, 2)
    assert torch.equal(gap, own)
    assert (given[gap] == 0).all()
    assert np.array_equal(given[~gap].numpy(), audio[~own.numpy()])


def halving(audio, gap, sample_rate):
    audio.numpy()[:] *= 0.5  # which torch does not count as a change
    return audio.clone()


def widening(audio, gap, sample_rate):
    gap[:] = True  # and with it what may change
    return audio * 0.5


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (halving, "halving changed the audio that it was given"),
        (widening, "widening changed the mask that it was given"),
        (lambda audio, gap, rate: sys.exit(), "ended the program"),
        (lambda audio, gap, rate: audio[:, :-1], "shape"),
        (lambda audio, gap, rate: audio[:, :-1].clone(), "shape"),
        (lambda audio, gap, rate: audio[gap][None, :50].clone(), r"\(1, 50\) for .* \(1, 4000\)"),
        (lambda audio, gap, rate: audio.expand(3, -1).clone(), "shape"),
        (lambda audio, gap, rate: audio[0].clone(), "shape"),
        (lambda audio, gap, rate: audio.masked_fill(gap, float("nan")), "NaN"),
        (lambda audio, gap, rate: audio.masked_fill(gap, float("inf")), "NaN or infinite"),
        (lambda audio, gap, rate: audio * (1 + 1e-12), "outside the gaps"),
        (lambda audio, gap, rate: audio.masked_fill_(gap, 0.25), "changed the audio"),
        (lambda audio, gap, rate: audio, "return a copy"),
        (lambda audio, gap, rate: None, "return a tensor"),
        (lambda audio, gap, rate: quarter(audio, gap, rate).numpy(), "returned ndarray: return a tensor"),
        (lambda audio, gap, rate: quarter(audio, gap, rate).mul(2**15).to(torch.int16), "returned torch.int16"),
        (lambda audio, gap, rate: quarter(audio, gap, rate).float(), "returned torch.float32 .* for torch.float64"),
        (lambda audio, gap, rate: quarter(audio, gap, rate).where(audio > 0.11, 0.11), "outside the gaps"),
    ],
)
def test_a_method_that_breaks_the_contract_is_told_so(method, message):
    audio = noise(1)
    with pytest.raises(ContractError, match=message):
        repair(audio, [GAP], RATE, method)
    assert np.array_equal(audio, noise(1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_bit_of_one_known_sample_is_seen(dtype):
    def careless(audio, gap, sample_rate):
        return quarter(audio, gap, sample_rate) + 0.0  # which makes 0 of -0

    audio = noise(dtype=dtype)
    repair(audio, [GAP], RATE, careless)
    audio[1, 700] = -0.0
    with pytest.raises(ContractError, match="outside the gaps"):
        repair(audio, [GAP], RATE, careless)


def test_a_method_that_explains_is_held_to_the_same():
    class Explaining:
        def explain(self, audio, gap, sample_rate, wanted):
            return audio[:, :50].clone(), []

        def __call__(self, audio, gap, sample_rate):
            return quarter(audio, gap, sample_rate)

        context = 1.0

    with pytest.raises(ContractError, match="Explaining returned"):
        repair(noise(), [GAP], RATE, Explaining())


@pytest.mark.parametrize(
    "junk",
    [
        lambda output: output,
        lambda output: (output, None),
        lambda output: (output, ["well"]),
        lambda output: (output, [Explanation(None, {"fill": 1.0})]),
        lambda output: (output, [Explanation(GAP, {})]),
        lambda output: (output, [Explanation(GAP, {"fill": "all"})]),
        lambda output: (output, [Explanation(GAP, {"fill": 1.0}, expected_snr="good")]),
    ],
)
def test_junk_for_explanations_is_told(junk):
    class Explaining:
        context = 1.0

        def __call__(self, audio, gap, sample_rate):
            return quarter(audio, gap, sample_rate)

        def explain(self, audio, gap, sample_rate, wanted):
            return junk(quarter(audio, gap, sample_rate))

    with pytest.raises(ContractError, match="Explaining explained"):
        repair(noise(), [GAP], RATE, Explaining())


@pytest.mark.parametrize("error", [ZeroDivisionError("bug"), RuntimeError("sizes do not match"), IndexError("bug")])
def test_a_bug_of_a_method_keeps_its_type(error):
    def buggy(audio, gap, sample_rate):
        raise error

    with pytest.raises(type(error)) as caught:
        repair(noise(), [GAP], RATE, buggy)
    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("you tried to allocate memory")],
)
def test_too_little_memory_gives_one_line(error):
    def greedy(audio, gap, sample_rate):
        raise error

    with pytest.raises(InputError, match="more memory") as caught:
        repair(noise(), [GAP], RATE, greedy)
    assert "\n" not in str(caught.value)
