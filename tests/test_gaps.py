import math
import random
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_inpaint.errors import InputError
from audio_inpaint.gap_files import parse_gaps, read_gaps, resolve_gaps, write_csv, write_labels
from audio_inpaint.gaps import Gap, check_gaps, gap_mask, mask_gaps
from audio_inpaint.random_gaps import centred_gap, random_gaps, single_gap

RATES = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000, 2822400])


@st.composite
def gap_lists(draw, longest=400, channels=(None,)):
    starts = draw(st.lists(st.integers(0, longest - 1), max_size=12))
    return [Gap(s, draw(st.integers(s + 1, longest)), draw(st.sampled_from(channels))) for s in starts]


# Typed lists


def test_seconds_and_samples_may_be_mixed():
    assert parse_gaps("0.1-0.15, 2.31-2.36,1600:2400", 16000) == [
        Gap(1600, 2400),
        Gap(36960, 37760),
        Gap(1600, 2400),
    ]


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("1e-1-1.5e-1", Gap(1600, 2400)),
        (".1-.15", Gap(1600, 2400)),
        (" 0.1 - 0.15 ", Gap(1600, 2400)),
        ("0.1–0.15", Gap(1600, 2400)),
        ("0.1-0.15,", Gap(1600, 2400)),
        ("1 : 2", Gap(1, 2)),
        ("0.00009-0.00016", Gap(1, 3)),  # 1.44 and 2.56 samples
        ("+0.1-+0.15", Gap(1600, 2400)),
    ],
)
def test_spellings_of_one_gap(text, gap):
    assert parse_gaps(text, 16000) == [gap]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        (" , ", "empty"),
        ("0.1", "'0.1'"),
        ("0,1-0,15", "decimals take a point"),
        ("nan-0.2", "'nan-0.2'"),
        ("0.1-inf", "'0.1-inf'"),
        ("0.1-1e999", "'1e999'"),
        ("0.1-0.2,abc,0.3-0.4", "'abc'"),
        ("-0.1-0.2", "before the file"),
        ("-5:7", "before the file"),
        ("0.2-0.1", "ends before it begins"),
        ("9:4", "ends before it begins"),
        ("0.2-0.2", "holds no sample"),
        ("0.2-0.20001", "holds no sample"),
        ("1.5:3", "'1.5:3'"),
        ("0.1-0.2-0.3", "'0.1-0.2-0.3'"),
        ("٠.1-0.2", "is not a gap"),
        ("9" * 5000 + ":3", "is not a gap"),
    ],
)
def test_a_piece_that_cannot_be_read_is_named_in_one_line(text, named):
    with pytest.raises(InputError) as caught:
        parse_gaps(text, 16000)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@given(st.text(max_size=40))
def test_any_text_gives_gaps_or_an_input_error(text):
    try:
        gaps = parse_gaps(text, 44100)
    except InputError:
        return
    assert all(0 <= gap.start < gap.stop for gap in gaps)


# Checks


def test_a_time_less_than_one_sample_past_the_end_means_the_end():
    assert resolve_gaps("0.9-1.00002", 44100, 44100) == [Gap(39690, 44100)]
    with pytest.raises(InputError, match="outside the file"):
        resolve_gaps("0.9-1.00003", 44100, 44100)
    with pytest.raises(InputError, match="outside the file"):
        resolve_gaps("40000:44101", 44100, 44100)


def test_a_gap_outside_the_file_is_told_in_samples_and_seconds():
    with pytest.raises(InputError, match=r"1600:40000 \(0.1-2.5 s\).*32000 samples \(2 s\)"):
        resolve_gaps("0.1-2.5", 16000, 32000)


@pytest.mark.parametrize("gap", [Gap(5, 5), Gap(6, 5), Gap(-1, 5), Gap(3, 101), Gap(0, 100)])
def test_gaps_that_cannot_be_restored_are_refused(gap):
    with pytest.raises(InputError):
        check_gaps([gap], 100)


def test_gaps_that_together_cover_a_channel_are_refused():
    with pytest.raises(InputError, match="whole channel"):
        check_gaps([Gap(0, 60), Gap(60, 100, 1)], 100)
    assert check_gaps([Gap(0, 60, 0), Gap(60, 100, 1)], 100) == [Gap(0, 60, 0), Gap(60, 100, 1)]


def test_a_channel_the_file_lacks_is_refused():
    with pytest.raises(InputError, match="channel 3, but the file's channels are 1 to 2"):
        check_gaps([Gap(1, 2, 2)], 100, channels=2)


def test_a_gap_of_one_channel_inside_a_gap_of_all_is_dropped():
    assert check_gaps([Gap(10, 20), Gap(12, 18, 1), Gap(15, 25, 1)], 100) == [Gap(10, 20), Gap(12, 25, 1)]


@given(gap_lists(channels=(None, 0, 1)))
def test_checked_gaps_are_sorted_disjoint_and_lose_the_same_samples(gaps):
    checked = check_gaps(gaps, 401)
    assert check_gaps(checked, 401) == checked
    assert [gap.start for gap in checked] == sorted(gap.start for gap in checked)
    mask = gap_mask(checked, 401, 2)
    for channel in (None, 0, 1):
        own = [gap for gap in checked if gap.channel == channel]
        assert all(a.stop < b.start for a, b in pairwise(own))
        lost = [any(g.start <= n < g.stop and g.channel in (None, channel) for g in gaps) for n in range(401)]
        assert channel is None or mask[channel].tolist() == lost


# Masks


@given(st.lists(st.booleans(), max_size=200))
def test_a_mask_survives_the_way_through_gaps(lost):
    mask = torch.tensor(lost, dtype=torch.bool)
    gaps = mask_gaps(mask)
    assert torch.equal(gap_mask(gaps, len(lost))[0], mask)
    assert gaps == mask_gaps(mask.numpy())


@given(gap_lists())
def test_gaps_survive_the_way_through_a_mask(gaps):
    assert mask_gaps(gap_mask(gaps, 401)) == check_gaps(gaps, 401)


# Files


@settings(max_examples=60)
@given(
    data=st.data(),
    rate=RATES,
    gaps=st.lists(
        st.builds(
            lambda start, size, channel: Gap(start, start + size, channel),
            st.integers(0, 2**33),
            st.integers(1, 2**20),
            st.sampled_from([None, 0, 1, 7]),
        ),
        max_size=6,
    ),
)
def test_written_gaps_are_read_back_to_the_sample(tmp_path_factory, data, rate, gaps):
    path = tmp_path_factory.mktemp("gaps") / "written"
    text = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=8) | st.just("a ch2 ch3")
    texts = data.draw(st.none() | st.lists(text, min_size=len(gaps), max_size=len(gaps)))
    for write in (write_labels, write_csv):
        write(path, gaps, rate, texts)
        assert read_gaps(path, rate) == gaps


def read(tmp_path, content, rate=16000):
    path = tmp_path / "given"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_gaps(path, rate)


@pytest.mark.parametrize(
    "content",
    [
        "start,end\n0.1,0.15\n0.2,0.25\n",
        "Start, End\r\n0.1, 0.15\r\n\r\n0.2, 0.25",
        "\ufeffSTART;END\n0,1;0,15\n0,2;0,25\n",
        'start,end\n"0,1","0,15"\n0.2,0.25\n',
        "start\tend\n0.1\t0.15\n0.2\t0.25\n",
        "start,end,kind,confidence\n0.1,0.15,zeros,0.9\n0.2,0.25,stuck,0.8\n",
        "0.1\t0.15\tgap\n0.2\t0.25\tgap\n",
        "0.1\t0.15\n\\\t100.0\t2000.0\n0.2\t0.25\n",
        "\ufeff0.1\t0.15\tcoup de\tclic\r\n0,2\t0,25\tch 2\r\n",
        b"0.1\t0.15\td\xe9crochage\n0.2\t0.25\t\n",
    ],
)
def test_csv_and_label_files_are_told_apart_by_content(tmp_path, content):
    assert read(tmp_path, content) == [Gap(1600, 2400), Gap(3200, 4000)]


def test_a_channel_counts_from_one(tmp_path):
    expected = [Gap(1600, 2400, 1), Gap(3200, 4000)]
    assert read(tmp_path, "start,end,channel\n0.1,0.15,2\n0.2,0.25,\n") == expected
    assert read(tmp_path, "0.1\t0.15\tzeros ch2\n0.2\t0.25\twatch2\n") == expected


def test_a_point_is_a_millisecond_on_each_side(tmp_path):
    assert read(tmp_path, "0.2\t0.2\tclick ch2\n0\t0\tclick\n") == [Gap(3184, 3216, 1), Gap(0, 16)]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("start,end\n0.1,0.15\n0.3,x\n", "line 3: 'x'"),
        ("start,end\n0.1\n", "line 2"),
        ("start,end\n0.1,0.2,0.3\n", "line 2"),
        ("start,end\n0.1,nan\n", "line 2: 'nan'"),
        ("start,stop\n0.1,0.2\n", "line 1: the header needs"),
        ("start,end,channel\n0.1,0.2,0\n", "count from 1"),
        ("0.1,0.2\n", "line 1"),
        ("hello\n", "line 1: 'hello'"),
        ("0.1\t0.15\tgap\n-0.2\t-0.2\tpoint\n", "line 2: the label at -0.2 s lies outside"),
        ("0.3\t0.2\tgap\n", "line 1: the gap '0.3-0.2' ends before"),
        ("-0.1\t0.2\tgap\n", "line 1: the gap '-0.1-0.2' begins before"),
        (b"RIFF\0\0\0\0WAVE", "holds no marker that could be a gap"),
        (b"fLaC\0\0\0\x22", "not a text file"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path, content, named):
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_file_holds_no_gaps(tmp_path):
    assert read(tmp_path, "") == read(tmp_path, "start,end\n") == []


def test_an_existing_file_goes_before_a_typed_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("0.5-0.6").write_text("start,end\n0.1,0.15\n")
    assert resolve_gaps("0.5-0.6", 16000, 16000) == [Gap(1600, 2400)]
    assert resolve_gaps("0.5-0.61", 16000, 16000) == [Gap(8000, 9760)]


@pytest.mark.parametrize("spec", ["labels.txt", "some/where", "x" * 5000])
def test_a_missing_gap_file_is_named(spec):
    with pytest.raises(InputError, match="there is no gap file"):
        resolve_gaps(spec, 16000, 16000)


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "labels.txt"
    write_labels(path, [Gap(1, 2)], 16000)
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_labels(path, [Gap(1, 2)], 16000, ["\ud800"])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UnicodeEncodeError):
        write_labels(tmp_path / "missing" / "labels.txt", [Gap(1, 2)], 16000, ["\ud800"])
    assert list(tmp_path.iterdir()) == [path]


# Random gaps


@given(
    seconds=st.floats(4.9, 20),
    rate=RATES,
    total=st.sampled_from([200, 400, 600, 800, 1000]),
    seed=st.integers(0, 2**32),
)
def test_the_deep_prior_papers_gaps(seconds, rate, total, seed):
    length = int(seconds * rate)
    gaps = random_gaps(length, rate, total, seed)
    assert gaps == random_gaps(length, rate, total, seed)
    assert gaps == random_gaps(length, rate, total, np.random.Generator(np.random.PCG64(seed)))
    sizes = [gap.stop - gap.start for gap in gaps]
    assert sum(sizes) == round(total * rate / 1000)
    assert all(0.04 * rate <= size <= 0.08 * rate for size in sizes)
    assert gaps[0].start >= round(0.15 * rate)
    assert gaps[-1].stop <= length
    assert all(b.start - a.stop >= round(0.15 * rate) for a, b in pairwise(gaps))


def test_random_gaps_are_the_same_everywhere():
    assert random_gaps(80000, 16000, 200, 0) == [Gap(21177, 22362), Gap(27410, 28343), Gap(44893, 45975)]


def test_random_gaps_reach_every_part_of_the_file():
    starts = [gap.start for seed in range(300) for gap in random_gaps(16000, 16000, 60, seed, apart_ms=0, lead_ms=0)]
    assert min(starts) < 600
    assert max(starts) > 14000
    assert abs(sum(starts) / len(starts) - 7520) < 800  # uniform: standard error 251


@pytest.mark.parametrize("arguments", [(16000, 1000), (80000, 30), (80000, 0), (80000, -5), (80000, math.nan), (0, 60)])
def test_random_gaps_that_do_not_fit_are_refused(arguments):
    length, total = arguments
    with pytest.raises(InputError):
        random_gaps(length, 16000, total, 0)


@given(st.integers(0, 2**32), st.integers(5120, 100_000))
def test_the_context_encoder_papers_gap_keeps_its_contexts(seed, length):
    gap = single_gap(length, 16000, 64, seed)
    assert gap.stop - gap.start == 1024
    assert gap.start >= 2048
    assert length - gap.stop >= 2048
    assert gap == single_gap(length, 16000, 64, seed)


def test_a_gap_without_room_for_its_contexts_is_refused():
    with pytest.raises(InputError, match="64 ms"):
        single_gap(5119, 16000, 64, 0)


def test_a_centred_gap_has_equal_sides():
    assert centred_gap(5120, 1024) == Gap(2048, 3072)
    with pytest.raises(InputError):
        centred_gap(100, 100)


def test_parsing_agrees_with_exact_arithmetic():
    rng = random.Random(0)
    for _ in range(300):
        rate, start = rng.choice([8000, 22050, 44100, 192000]), rng.randrange(10**6)
        first, last = f"{start / rate:.7f}", f"{(start + 50) / rate:.7f}"
        nearest = [math.floor(Fraction(time) * rate + Fraction(1, 2)) for time in (first, last)]
        assert parse_gaps(f"{first}-{last}", rate) == [Gap(*nearest)]
