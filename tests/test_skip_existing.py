"""After a batch that stopped, the same command with --skip-existing makes what is missing, and only that."""

import pytest
from test_cli import damaged, run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_finished_batch_passes_over_what_is_there(here, capsys):
    (here / "in").mkdir()
    damaged(here / "in" / "a.wav")
    damaged(here / "in" / "b.wav")
    arguments = ["inpaint", "in", "-o", "out", "--gaps", "6000:6480", "--skip-existing"]
    assert run(*arguments) == 0
    (here / "out" / "a.wav").unlink()
    (here / "out" / "b.wav").write_text("kept")
    assert run(*arguments) == 0
    assert (here / "out" / "b.wav").read_text() == "kept"
    assert (here / "out" / "a.wav").stat().st_size > 1000


def test_a_batch_that_stopped_is_finished_with_its_labels_and_its_page(here, capsys):
    for name in ("a.wav", "b.wav", "c.wav"):
        (here / "in").mkdir(exist_ok=True)
        damaged(here / "in" / name)
    given = ["inpaint", "in", "-o", "out", "--gaps", "6000:6480", "--labels", "labels", "--report"]
    assert run(*given) == 0
    first, labels = (here / "out" / "b.wav").read_bytes(), (here / "labels" / "b.txt").read_bytes()
    (here / "out" / "a.wav").unlink()  # its labels are there
    (here / "labels" / "b.txt").unlink()  # its output is there
    (here / "out" / "b.wav").write_bytes(first + b"stays")
    capsys.readouterr()
    assert run(*given, "--skip-existing") == 0
    printed = capsys.readouterr().out
    assert (here / "out" / "a.wav").is_file()
    assert (here / "out" / "b.wav").read_bytes() == first + b"stays"
    assert (here / "labels" / "b.txt").read_bytes() == labels
    assert "c.wav: skipped" in printed
    assert "b.wav is as it was" in printed
    page = (here / "out" / "report.html").read_text()
    assert "b.wav" in page
    assert "c.wav" not in page
    assert run(*given, "--skip-existing") == 0


def test_the_count_of_failures_tells_what_was_skipped(here, capsys):
    (here / "in").mkdir()
    for name in ("a.wav", "b.wav", "c.wav"):
        damaged(here / "in" / name)
    (here / "in" / "bad.wav").write_text("no audio")
    assert run("inpaint", "in", "-o", "out", "--gaps", "6000:6480") == 2
    (here / "out" / "c.wav").unlink()
    capsys.readouterr()
    assert run("inpaint", "in", "-o", "out", "--gaps", "6000:6480", "--skip-existing") == 2
    assert "1 of 4 files not restored (2 skipped): in/bad.wav" in capsys.readouterr().err
