import math
import os
import struct
import subprocess
import sys
import weakref
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch
from repairs import restore_file

from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.contract import LONGEST, ContractError
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.report.excerpts import excerpts
from audio_inpaint.spans import Shape, read_span, spans

RATE = 8000


class Spy:
    """A method that fills a constant and remembers what it saw."""

    def __init__(self, context=0.1, fill=0.25, error=None, longest=30.0):
        self.context, self.longest, self.fill, self.error, self.seen = context, longest, fill, error, []

    def __call__(self, audio, gap, sample_rate):
        assert gap.shape == audio.shape
        assert gap.dtype == torch.bool
        self.seen.append((audio.clone(), gap.clone(), sample_rate))
        if self.error:
            raise self.error
        return audio.masked_fill(gap, self.fill)


def record(path, channels=2, seconds=2.0, subtype="PCM_16"):
    samples = np.random.default_rng(1).uniform(0.1, 0.9, (int(RATE * seconds), channels))
    soundfile.write(path, samples, RATE, subtype=subtype)
    return path


def samples(path):
    return soundfile.read(path, always_2d=True)[0]


@pytest.mark.parametrize("context", [0, 3, 20, 400])
@pytest.mark.parametrize("longest", [1, 60, 10_000])
def test_regions_own_every_gap_once_and_reach_the_context(context, longest):
    rng = np.random.default_rng(context + longest)
    edges = np.sort(rng.choice(np.arange(1, 1000), 40, replace=False)).tolist()
    gaps = [Gap(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    found = spans(gaps, Shape(1, 1000, 1), context, longest)

    assert [gap for span in found for gap in span.gaps] == gaps
    for span in found:
        own = span.gaps
        assert (span.start, span.stop) == (max(0, own[0].start - context), min(1000, own[-1].stop + context))
        if context < 1000:
            assert len(own) == 1 or own[-1].stop - own[0].start <= longest
    for left, right in pairwise(found):
        if right.start <= left.stop:  # neighbours that overlap are two only because one would be too long
            assert right.gaps[0].stop - left.gaps[0].start > longest


def test_an_infinite_context_gives_the_file_once_unless_gaps_lie_too_far_apart():
    gaps = (Gap(10, 20), Gap(500, 510), Gap(900, 910))
    (span,) = spans(gaps, Shape(1, 1000, 1), math.inf, 1000)
    assert (span.start, span.stop, span.gaps) == (0, 1000, gaps)


def test_only_lost_samples_change_and_the_method_sees_zeros_in_them(tmp_path):
    source, output, spy = record(tmp_path / "in.wav"), tmp_path / "out.wav", Spy()
    gaps = [Gap(1000, 1200), Gap(9000, 9100)]

    result = restore_file(source, output, gaps, spy)

    lost = np.zeros(2 * RATE, bool)
    lost[1000:1200] = lost[9000:9100] = True
    before, after = samples(source), samples(output)
    assert np.array_equal(before[~lost], after[~lost])
    assert np.all(after[lost] == 0.25)
    assert (len(spy.seen), result.gaps, result.length, result.sample_rate) == (2, gaps, 2 * RATE, RATE)
    audio, gap, rate = spy.seen[0]
    assert rate == RATE
    assert audio.shape == (2, 200 + 2 * 800)
    assert torch.all(audio[gap] == 0)
    assert np.array_equal(audio[:, ~gap[0]].numpy(), before[200:2000][~lost[200:2000]].T)


@pytest.mark.parametrize(
    ("subtype", "dtype"),
    [("PCM_16", torch.float32), ("PCM_24", torch.float32), ("PCM_32", torch.float64), ("DOUBLE", torch.float64)],
)
def test_a_method_sees_every_sample_exactly_in_the_smallest_type_that_holds_it(tmp_path, subtype, dtype):
    source, output, spy = record(tmp_path / "in.wav", subtype=subtype, seconds=20.0), tmp_path / "out.wav", Spy(9.9)
    restore_file(source, output, [Gap(80_000, 80_200)], spy)
    before, after = samples(source), samples(output)
    known = np.delete(np.arange(20 * RATE), np.s_[80_000:80_200])
    assert np.array_equal(before[known], after[known])
    ((audio, gap, _),) = spy.seen
    assert audio.dtype == dtype
    part = before[80_000 - 79_200 : 80_200 + 79_200].T
    assert np.array_equal(audio[:, ~gap[0]].double().numpy(), part[:, ~gap[0].numpy()])


def test_nothing_of_a_region_is_kept_when_the_next_one_is_read(tmp_path):
    held, alive = [], []

    def half(audio, gap, sample_rate):
        alive.append([ref() is not None for ref in held])
        restored = torch.where(gap, 0.5, audio)
        held.extend([weakref.ref(audio), weakref.ref(restored)])
        return restored

    half.context = 0.1
    gaps = [Gap(start, start + 100) for start in (2000, 6000, 10_000)]
    result = restore_file(record(tmp_path / "in.wav"), tmp_path / "out.wav", gaps, half)
    assert alive == [[], 2 * [False], 4 * [False]]
    assert [fill.audio.untyped_storage().nbytes() for fill in result.fills] == 3 * [2 * 100 * 8]


def test_gaps_of_one_channel_leave_the_others_alone(tmp_path):
    source, output, spy = record(tmp_path / "in.wav", 3), tmp_path / "out.wav", Spy()
    restore_file(source, output, [Gap(1000, 1200, 1), Gap(5000, 5100)], spy)
    before, after = samples(source), samples(output)
    changed = before != after
    assert changed[1000:1200, 1].all()
    assert changed[5000:5100].all()
    assert changed.sum() == 200 + 3 * 100
    assert [gap.sum(-1).tolist() for _, gap, _ in spy.seen] == [[0, 200, 0], [100, 100, 100]]


def test_gaps_of_all_channels_and_of_one_are_merged_where_they_meet(tmp_path):
    source, output, spy = record(tmp_path / "in.wav"), tmp_path / "out.wav", Spy()
    restore_file(source, output, [Gap(1000, 1200), Gap(1150, 1300, 0)], spy)
    changed = samples(source) != samples(output)
    assert np.array_equal(np.flatnonzero(changed[:, 0]), np.arange(1000, 1300))
    assert np.array_equal(np.flatnonzero(changed[:, 1]), np.arange(1000, 1200))
    assert [gap.sum(-1).tolist() for _, gap, _ in spy.seen] == [[300, 200]]


def test_lost_samples_of_a_neighbouring_region_are_lost_here_too(tmp_path):
    source = record(tmp_path / "in.wav", 1)
    gaps = [Gap(1000, 1100), Gap(1300, 1400)]
    shape = Shape(1, 2 * RATE, RATE)
    first, second = spans(gaps, shape, 0.05, longest=0.02)
    assert (first.start, first.stop, first.gaps) == (600, 1500, (gaps[0],))
    with Reader(source) as reader:
        _, lost = read_span(first, reader.read, shape, torch.float32)
        audio, gap = read_span(second, reader.read, shape, torch.float32)
    assert torch.equal(lost[0].nonzero().flatten(), torch.cat([torch.arange(400, 500), torch.arange(700, 800)]))
    assert torch.all(audio[gap] == 0)


def test_an_infinite_context_shows_the_whole_file(tmp_path):
    spy = Spy(context=math.inf)
    restore_file(record(tmp_path / "in.wav"), tmp_path / "out.wav", [Gap(10, 20), Gap(15000, 15010)], spy)
    assert [audio.shape for audio, _, _ in spy.seen] == [(2, 2 * RATE)]


def test_many_gaps_of_a_long_file_come_in_regions_of_bounded_length():
    gaps = [Gap(start, start + 10) for start in range(100, RATE * 99, 2000)]
    found = spans(gaps, Shape(1, RATE * 100, RATE), 0.2)
    assert max(span.stop - span.start for span in found) <= RATE * (LONGEST + 0.4)
    assert [gap for span in found for gap in span.gaps] == gaps


def test_silence_stays_silence(tmp_path):
    soundfile.write(tmp_path / "in.wav", np.zeros((RATE, 2)), RATE)
    restore_file(tmp_path / "in.wav", tmp_path / "out.wav", [Gap(100, 200)], Spy(fill=0.0))
    assert (tmp_path / "in.wav").read_bytes() == (tmp_path / "out.wav").read_bytes()


def test_progress_counts_gaps(tmp_path):
    seen = []
    gaps = [Gap(1000, 1010), Gap(9000, 9010)]
    restore_file(record(tmp_path / "in.wav"), tmp_path / "out.wav", gaps, Spy(), lambda *now: seen.append(now))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_counts_gaps_that_are_filled_at_once(tmp_path, threads):
    rate, seen = 8000, []
    soundfile.write(tmp_path / "in.wav", np.random.default_rng(0).normal(0, 0.1, 3 * rate), rate)
    gaps = [Gap(start, start + 40) for start in range(2000, 22_000, 4000)]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        restore_file(tmp_path / "in.wav", tmp_path / "out.wav", gaps, Recall(), lambda *now: seen.append(now))
    finally:
        torch.set_num_threads(before)
    assert seen == [(done, 5) for done in range(1, 6)]


def test_nan_inside_a_gap_is_lost_like_any_sample(tmp_path):
    values = np.full((RATE, 1), 0.5)
    values[500:520] = np.nan
    soundfile.write(tmp_path / "in.wav", values, RATE, subtype="FLOAT")
    restore_file(tmp_path / "in.wav", tmp_path / "out.wav", [Gap(500, 520)], Spy())
    assert np.isfinite(samples(tmp_path / "out.wav")).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_beside_a_gap_is_refused_with_its_place(tmp_path, value):
    values = np.full((RATE, 1), 0.5)
    values[530] = value
    soundfile.write(tmp_path / "in.wav", values, RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"sample 530 .*name them as gaps"):
        restore_file(tmp_path / "in.wav", tmp_path / "out.wav", [Gap(500, 520)], Spy())
    assert os.listdir(tmp_path) == ["in.wav"]


@pytest.mark.parametrize(
    ("gaps", "spy", "message"),
    [
        ([Gap(0, 2 * RATE)], Spy(), "whole"),
        ([Gap(5, 2 * RATE + 1)], Spy(), "outside"),
        ([Gap(5, 9, 2)], Spy(), "channel"),
        ([Gap(5, 900, 0), Gap(100, 200, 1)], Spy(context=0.001, longest=0), "no sample is known"),
        ([Gap(5, 9)], Spy(error=MemoryError()), "more memory"),
    ],
)
def test_what_cannot_be_restored_gives_one_line_and_no_output(tmp_path, gaps, spy, message):
    source = record(tmp_path / "in.wav")
    with pytest.raises(InputError, match=message) as caught:
        restore_file(source, tmp_path / "out.wav", gaps, spy)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["in.wav"]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Spy(fill=math.nan), "NaN"),
        (Spy(context=0.0), "Spy.context is a number of seconds above 0"),
        (lambda audio, gap, rate: audio + 1, "outside the gaps"),
        (lambda audio, gap, rate: audio[:, :50].clone(), "shape"),
        (lambda audio, gap, rate: torch.cat([audio, audio]), "shape"),
        (lambda audio, gap, rate: audio.double(), "type"),
        (lambda audio, gap, rate: audio.numpy(), "tensor"),
        (lambda audio, gap, rate: audio.masked_fill_(gap, 1), "copy"),
    ],
)
def test_a_method_that_breaks_the_contract_is_a_bug_and_leaves_no_output(tmp_path, method, message):
    source = record(tmp_path / "in.wav")
    with pytest.raises(ContractError, match=message):
        restore_file(source, tmp_path / "out.wav", [Gap(5, 9)], method)
    assert os.listdir(tmp_path) == ["in.wav"]


def test_a_bug_of_a_method_keeps_its_type(tmp_path):
    with pytest.raises(ZeroDivisionError):
        restore_file(record(tmp_path / "in.wav"), tmp_path / "out.wav", [Gap(5, 9)], Spy(error=ZeroDivisionError()))


@pytest.mark.parametrize("output", ["in.wav", "in.wav/out.wav", "out.xyz", "out"])
def test_an_impossible_output_is_refused_before_any_work(tmp_path, output):
    spy = Spy()
    with pytest.raises(InputError):
        restore_file(record(tmp_path / "in.wav"), tmp_path / output, [Gap(5, 9)], spy)
    assert spy.seen == []


def test_excerpts_of_a_short_file_are_the_file_itself(tmp_path):
    source, output = record(tmp_path / "in.wav"), tmp_path / "out.wav"
    result = restore_file(source, output, [Gap(1000, 1200, 1)], Spy())
    ((start, damaged, restored, gaps),) = excerpts(Reader(source), result)
    assert (start, gaps) == (0, [Gap(1000, 1200, 1)])
    assert np.array_equal(damaged.numpy(), samples(source).T)
    assert np.array_equal(restored.numpy(), samples(output).T)


def test_excerpts_of_a_long_file_surround_its_gaps_within_the_budget(tmp_path):
    source, output = record(tmp_path / "in.wav", 1, 60), tmp_path / "out.wav"
    gaps = [Gap(RATE * second, RATE * second + 100) for second in (5, 6, 20, 40)]
    result = restore_file(source, output, gaps, Spy())
    found = list(excerpts(Reader(source), result, seconds=6.0, margin=1.0))
    assert [start / RATE for start, *_ in found] == [4, 19]
    assert sum(damaged.shape[-1] for _, damaged, _, _ in found) <= 6 * RATE
    for start, _, restored, own in found:
        stop = start + restored.shape[-1]
        assert np.array_equal(restored.numpy(), samples(output)[start:stop].T)
        assert [Gap(gap.start + start, gap.stop + start) for gap in own] == [
            gap for gap in gaps if gap.start < stop and start < gap.stop
        ]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_memory_does_not_grow_with_the_file(tmp_path, suffix):
    # 25 minutes, 132 MB as 16-bit and 1.06 GB as float64: a sparse file that takes no disk.
    source = tmp_path / "long.wav"
    frames = 44100 * 1500
    soundfile.write(source, np.zeros(10), 44100)
    data = bytearray(source.read_bytes()[:44])
    data[4:8], data[40:44] = struct.pack("<I", 36 + 2 * frames), struct.pack("<I", 2 * frames)
    with open(source, "wb") as file:
        file.write(data)
        file.truncate(44 + 2 * frames)
    code = """
import resource, sys, torch
from audio_inpaint.gaps import Gap
from audio_inpaint.repairing import repair_file as restore_file
def half(audio, gap, sample_rate):
    return torch.where(gap, 0.5, audio)
half.context = 0.1
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
restore_file(sys.argv[1], sys.argv[2], [Gap(44100 * s, 44100 * s + 2000) for s in range(1, 1500, 60)], half)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    output = tmp_path / f"out{suffix}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(source), str(output)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 60_000  # KiB
    assert soundfile.info(output).frames == frames
    start = 44100 * 61
    assert np.all(soundfile.read(output, start=start, frames=2000)[0] == 0.5)


def test_three_minutes_take_less_memory_than_five_times_their_samples_in_single_precision(tmp_path):
    """Beyond what four seconds take, which is that of the libraries."""
    rate, frames = 44100, 44100 * 180
    block = np.random.default_rng(0).integers(-9000, 9000, (rate, 2)).astype(np.int16)
    with soundfile.SoundFile(tmp_path / "in.wav", "w", rate, 2) as file:
        for second in range(180):
            file.write(block + np.int16(second))
    soundfile.write(tmp_path / "short.wav", np.tile(block, (4, 1)), rate)
    code = """
import resource, sys
from audio_inpaint.gaps import Gap
from audio_inpaint.repairing import repair_file as restore_file
from audio_inpaint.methods.recall.recall import Recall
peaks = []
for name, start in (("short", 88200), ("in", 44100 * 90)):
    source, output = (f"{sys.argv[1]}/{part}{name}.wav" for part in ("", "out_"))
    restore_file(source, output, [Gap(start, start + 400)], Recall((0.032,)))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[1] - peaks[0])
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 5 * frames * 2 * 4
