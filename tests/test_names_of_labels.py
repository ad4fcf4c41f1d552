"""Each input of a folder has a label file of its own, by whose name it is found again."""

import os

import numpy as np
import pytest
import soundfile
from browser import visit
from test_cli import run

RATE = 16000


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def damaged(path, start):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    samples = 0.4 * np.sin(2 * np.pi * 330 * np.arange(RATE) / RATE)
    samples[start : start + 480] = 0
    soundfile.write(path, samples, RATE)


def filled(before, after):
    one, other = (soundfile.read(path)[0] for path in (before, after))
    places = np.flatnonzero(one != other)
    return int(places[0]) // 100 * 100, int(places[-1]) // 100 * 100


@pytest.fixture
def twins(here):
    damaged("in/a.wav", 4000)
    damaged("in/a.flac", 8000)
    damaged("in/b.wav", 12000)


@pytest.mark.usefixtures("twins")
def test_inputs_of_one_stem_have_labels_of_their_own_which_can_be_given_back(here):
    assert run("detect", "in", "-o", "found") == 0
    assert sorted(os.listdir("found")) == ["a.flac.txt", "a.wav.txt", "b.txt"]
    options = ["--gaps", "found", "--method", "janssen", "--labels", "labels"]
    assert run("inpaint", "in", "-o", "out", *options) == 0
    assert sorted(os.listdir("labels")) == ["a.flac.txt", "a.wav.txt", "b.txt"]
    assert [filled(f"in/{name}", f"out/{name}")[0] for name in ("a.wav", "a.flac", "b.wav")] == [4000, 8000, 12000]


@pytest.mark.usefixtures("twins")
def test_a_page_saves_labels_under_the_names_that_are_looked_for(here):
    assert run("inpaint", "in", "-o", "out", "--method", "janssen", "--report") == 0
    seen = visit(here / "out/report.html", "seen.files = judgings.map((one) => one.file());").seen
    assert seen["files"] == ["a.flac.txt", "a.wav.txt", "b.txt"]


def test_lists_and_truths_in_a_tree_belong_to_the_inputs_in_their_places(here, capsys):
    damaged("in/one/a.wav", 4000)
    damaged("in/two/a.wav", 8000)
    damaged("clean/a.wav", 12000)  # for whatever lacks its own
    damaged("clean/two/a.wav", 12000)
    soundfile.write("clean/two/a.wav", np.zeros(100), RATE)
    assert run("detect", "in", "--recursive", "-o", "labels") == 0
    assert sorted(os.listdir("labels")) == ["one", "two"]
    assert run("inpaint", "in", "--recursive", "-o", "out", "--gaps", "labels", "--method", "janssen") == 0
    assert [filled(f"in/{name}/a.wav", f"out/{name}/a.wav")[0] for name in ("one", "two")] == [4000, 8000]
    capsys.readouterr()
    given = ["--gaps", "labels", "--method", "janssen", "--report", "--truth", "clean"]
    assert run("inpaint", "in", "--recursive", "-o", "again", *given) == 2
    assert "clean/two/a.wav has another rate" in capsys.readouterr().err
    assert os.listdir("again") == ["one", "report.html"]


def test_a_page_tells_files_of_equal_names_in_two_folders_apart(here):
    """Their gaps are at the same place, so that nothing but the file can tell them apart."""
    damaged("in/one/a.wav", 4000)
    damaged("in/two/a.wav", 4000)
    assert run("inpaint", "in", "--recursive", "-o", "out", "--method", "janssen", "--report") == 0
    seen = visit(
        here / "out/report.html",
        """
        seen.names = judgings.map((one) => one.list.name);
        seen.jumps = judgings.map((one) => items.indexOf(one.rows[0].there.item));
        seen.heads = items.map(({ section }) => section.querySelector("h2").textContent);
        seen.files = judgings.map((one) => one.file());
        """,
    ).seen
    assert seen["names"] == seen["heads"] == ["one/a.wav", "two/a.wav"]
    assert seen["jumps"] == [0, 1]
    assert seen["files"] == ["a.txt", "a.txt"]  # each for its own folder of a tree
