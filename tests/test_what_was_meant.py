"""Options that are nearly right are refused in words that say what to write, and what was done is said as it was."""

import os

import pytest
from test_cli import RATE, damaged, run

from audio_inpaint.gap_files import read_gaps
from audio_inpaint.gaps import Gap

FILL = ["--gaps", "6000:6480", "--method", "silence"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damaged("in.wav")
    return tmp_path


def refused(capsys, *given):
    try:
        assert run(*given) == 2
    except SystemExit as end:
        assert end.code == 2  # noqa: PT017 - the parser's own end
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_was_inserted_is_not_called_a_gap(here, capsys):
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "0.3+0.1", "--method", "silence") == 0
    said = capsys.readouterr().out
    assert "in.wav: 100 ms inserted at 1 place with silence" in said
    assert "gap" not in said
    both = ["--gaps", "0.3+0.1,0.5-0.53", "--method", "silence"]
    assert run("inpaint", "in.wav", "-o", "both.wav", *both) == 0
    assert "1 gap (30 ms of 1.1 s) filled and 100 ms inserted at 1 place with silence" in capsys.readouterr().out


def test_a_dry_run_says_where_it_would_insert_and_calls_that_no_gap(here, capsys):
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "0.3+0.1", "--method", "silence", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "in.wav: would insert 100 ms at 0.3 s with silence" in said
    assert "gap" not in said
    some = ["--gaps", "0.3+0.1,0.5-0.53,0.8+0.05", "--method", "silence", "--dry-run"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *some) == 0
    assert "would fill 1 gap (30 ms) and insert 150 ms at 2 places with silence" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="there is no such file")
def test_the_empty_device_is_empty_and_not_missing(here, capsys):
    said = refused(capsys, "inpaint", "in.wav", "-o", "out.wav", "--gaps", os.devnull)
    assert f"{os.devnull} is empty" in said
    assert "there is no" not in said


@pytest.mark.parametrize("given", [["--pad", "-1ms"], ["--gaps", "-1-2"], ["--pad=-1ms"]])
def test_negative_lengths_and_times_are_refused_as_negative(here, capsys, given):
    rest = [] if "--gaps" in given else FILL
    assert "must not be negative" in refused(capsys, "inpaint", "in.wav", "-o", "out.wav", *given, *rest)


def test_limits_that_exclude_each_other_are_named_as_options(here, capsys):
    said = refused(capsys, "detect", "in.wav", "--min-ms", "50", "--max-ms", "10")
    assert "--min-ms is 50 and --max-ms 10" in said
    assert "max_ms" not in said


@pytest.mark.parametrize("given", [["detect"], ["inpaint", *FILL]])
@pytest.mark.parametrize("name", ["out.txt", "out.wav"])
def test_no_folder_is_made_under_the_name_of_a_file(here, capsys, given, name):
    (here / "in").mkdir()
    for file in "ab":
        damaged(here / "in" / f"{file}.wav")
    assert "must be a folder for several files" in refused(capsys, *given, "in", "-o", name)
    assert not (here / name).exists()
    assert run(*given, "in", "-o", f"{name}/") == 0
    assert (here / name).is_dir()


@pytest.mark.parametrize("given", ["0.375-0.405ch2", "0.375-0.405 ch 2", "0.1-0.2,0.375-0.405ch1"])
def test_a_typed_channel_is_answered_with_how_one_is_named(here, capsys, given):
    said = refused(capsys, "inpaint", "in.wav", "-o", "out.wav", "--gaps", given)
    assert "a label that ends in ' ch2' or a CSV with the columns start,end,channel" in said
    assert "no gap file" not in said


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("text", ["0.375\t0.405\tgäp ch2\r\n", "start,end,channel\r\n0.375,0.405,2\r\n"])
def test_lists_of_gaps_are_read_by_their_byte_order_mark(here, encoding, text):
    mark = "\ufeff" if encoding.endswith("e") else ""
    (here / "gaps.txt").write_bytes((mark + text).encode(encoding))
    assert read_gaps("gaps.txt", RATE) == [Gap(round(0.375 * RATE), round(0.405 * RATE), 1)]
