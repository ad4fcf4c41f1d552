"""Files of answers are read whatever is wrong with some of them, and what comes of them is written."""

import csv
import json
import subprocess
import sys

import pytest
from matplotlib.image import imread
from test_listening_results import command, rated, save, table_iii, table_of

from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.listening import plausibility
from audio_inpaint.listening.responses import collected


@pytest.mark.parametrize("records", [table_iii()[:3], rated(3)], ids=["plausibility", "mushra"])
def test_json_and_csv_say_the_same(tmp_path, records):
    for name in ("json", "csv"):
        (tmp_path / name).mkdir()
    save(tmp_path / "json", *records)
    for number, each in enumerate(records):
        (tmp_path / "csv" / f"{number}.csv").write_text(table_of(each), encoding="utf-8-sig", newline="")
    assert collected([tmp_path / "json"])[0] == collected([tmp_path / "csv"])[0]


def test_broken_files_are_named_and_the_others_read(tmp_path, capsys):
    save(tmp_path, *table_iii()[:4])
    whole = table_iii()[4]
    for name, text in {
        "cut.json": json.dumps(whole)[:-50],
        "list.json": "[1, 2]",
        "empty.csv": "",
        "other.csv": "a,b\n1,2\n",
        "beyond.json": json.dumps(whole).replace('"rating": 5', '"rating": 7'),
        "two.json": json.dumps(whole).replace('"best": false', '"best": true'),
        "none.json": json.dumps({**whole, "answers": []}),
        "later.json": json.dumps({**whole, "format": "audio-inpaint listening-test 2"}),
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    assert command(tmp_path) == 2
    output = capsys.readouterr()
    lines = output.err.splitlines()
    assert len(lines) == 9
    assert all(line.startswith("audio-inpaint: error: ") for line in lines)
    reasons = {"cut": "cannot be read", "beyond": "is 7", "two": "one choice", "none": "no answer", "list": "laid out"}
    for name, message in reasons.items():
        assert any(name in line and message in line for line in lines), name
    assert "4 participants, 40 answers" in output.out


def test_nothing_to_read_is_an_error_that_names_the_files(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    for paths in ([tmp_path], [tmp_path / "a.json"], [tmp_path / "missing.json"]):
        with pytest.raises(InputError, match=r"a\.json|missing\.json") as error:
            collected(paths)
        assert "\n" not in str(error.value)


def test_tests_are_not_mixed(tmp_path):
    one, other = table_iii()[:2]
    save(tmp_path, one, {**other, "test": "ba9876543210"})
    with pytest.raises(InputError, match=r"different tests: .*0123456789ab.*ba9876543210"):
        collected([tmp_path])


def test_a_participant_counts_once(tmp_path):
    one, *_ = table_iii()
    save(tmp_path, one)
    (tmp_path / "again.csv").write_text(table_of(one), newline="")
    with pytest.raises(InputError, match=r"participant p0 is in both .*00_p0\.json and .*again\.csv"):
        collected([tmp_path])


def test_who_did_not_finish_is_named_and_counted(tmp_path):
    one, other = table_iii()[:2]
    save(tmp_path, one, {**other, "answers": other["answers"][:4]})
    analysis = plausibility.analysed(collected([tmp_path])[0])
    assert "p1 answered only 4 of 10 questions; these count" in analysis.text
    assert analysis.rows[0]["questions"] == 14


@pytest.mark.parametrize("records", [table_iii(), rated()], ids=["plausibility", "mushra"])
def test_table_and_figure_are_written(tmp_path, records, capsys):
    (tmp_path / "results").mkdir()
    table, figure = tmp_path / "results.csv", tmp_path / "results" / "figure.png"
    arguments = [save(tmp_path / "results", *records), "-o", table, "--figure", figure]
    assert [command(*arguments, *again) for again in ([], ["--overwrite"])] == [0, 0]
    with pytest.raises(InputError, match="exists: name another file, or add --overwrite"):
        command(*arguments)
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert {row["item"] for row in rows} == {"(all)", *(answer["item"] for answer in records[0]["answers"])}
    assert imread(figure)[..., :3].reshape(-1, 3).std() > 0.05
    assert "Who fills best, and where?" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"should end in \.png or \.pdf or \.svg"):
        command(tmp_path / "results", "--figure", tmp_path / "figure.docx")


@pytest.mark.parametrize(
    ("option", "words"), [("-o", "is the answers of a participant itself"), ("--figure", "should end in .png")]
)
@pytest.mark.parametrize("given", [".", "00_p0.json"])
def test_the_answers_of_a_participant_are_never_written_over(tmp_path, option, words, given, capsys):
    save(tmp_path, *table_iii()[:2])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["listening-results", str(tmp_path / given), option, str(tmp_path / "00_p0.json")]) == 2
    assert words in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_help_imports_nothing_heavy():
    script = (
        "import argparse, sys; from audio_inpaint.commands.listening import add_commands; "
        "add_commands(argparse.ArgumentParser().add_subparsers()); "
        "print(*{'torch', 'scipy', 'numpy', 'matplotlib'} & sys.modules.keys())"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "\n"
