"""One CSV lists the gaps of many files, as `detect` writes it, and goes back to the other commands."""

from pathlib import Path

import pytest
import soundfile
from test_cli import RATE, damaged, run, tone

from audio_inpaint.errors import InputError
from audio_inpaint.gap_files import read_gaps, read_labels
from audio_inpaint.gaps import Gap

GAP = Gap(6000, 6480)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Folder with two damaged files, a whole one, and the table that `detect` writes of them."""
    monkeypatch.chdir(tmp_path)
    for name in ("tree/a.wav", "tree/c/one, two.wav"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        damaged(Path(name))
    soundfile.write("tree/whole.wav", tone(1.0, 1), RATE)
    assert run("detect", "tree", "--recursive", "-o", "one.csv") == 0
    return tmp_path


def filled(before, after):
    """Return the first and the last sample that differ."""
    different = (soundfile.read(before)[0] != soundfile.read(after)[0]).nonzero()[0]
    return different[0], different[-1]


def test_each_file_gets_the_gaps_of_its_rows(tree, capsys):
    assert Path("one.csv").read_text().startswith("file,start,end,channel,text\n")
    capsys.readouterr()
    assert run("inpaint", "tree", "--recursive", "-o", "out", "--gaps", "one.csv", "--method", "janssen") == 0
    assert "whole.wav: no gap in one.csv, nothing written" in capsys.readouterr().out
    for name in ("a.wav", "c/one, two.wav"):
        assert filled(f"tree/{name}", f"out/{name}") == (GAP.start, GAP.stop - 1)
    assert not Path("out/whole.wav").exists()


def test_a_single_file_gets_its_rows_by_whatever_name(tree, capsys):
    table = Path("one.csv").read_text()
    Path("one.csv").write_text(table.replace("tree/a.wav", "./tree/c/../a.wav"))
    given = ["--gaps", "one.csv", "--method", "janssen"]
    assert run("inpaint", tree / "tree" / "a.wav", "-o", "out.wav", *given) == 0
    assert filled("tree/a.wav", "out.wav") == (GAP.start, GAP.stop - 1)
    capsys.readouterr()
    assert run("inpaint", "tree/whole.wav", "-o", "whole.wav", *given) == 2  # as always where a single file has no gap
    assert "one.csv lists no gap that would be filled" in capsys.readouterr().err


def test_judged_rows_are_accepted_of_the_file_they_belong_to(tree, capsys):
    Path("judged.csv").write_text('start,end,text,file\n0.375,0.405,accept,"tree/c/one, two.wav"\n')
    given = ["--accept", "judged.csv", "--method", "silence"]
    assert run("inpaint", "tree", "--recursive", "-o", "out", *given) == 0
    assert [path.name for path in Path("out").rglob("*.wav")] == ["one, two.wav"]
    assert "a.wav: no gap in judged.csv, nothing written" in capsys.readouterr().out


def test_rows_of_other_files_are_not_looked_at_but_for_their_columns(tmp_path):
    table = tmp_path / "one.csv"
    table.write_text("file;start;end\nb.wav;never;0,2\na.wav;0,1;0,2\n")
    assert read_labels(table, RATE, recording="a.wav") == [(Gap(1600, 3200), "")]
    with pytest.raises(InputError, match="line 2: 'never' is not a time"):
        read_gaps(table, RATE, recording="b.wav")
    with pytest.raises(InputError, match="give a list of one recording"):
        read_gaps(table, RATE)
    table.write_text("file,end\na.wav,0.1\n")
    with pytest.raises(InputError, match="the header needs the columns start,end"):
        read_gaps(table, RATE, recording="a.wav")
