"""Preparing recordings writes over nothing that it did not write itself."""

import os
import sys

import pytest
from prepared_sources import audio_file

from data_prep import demo_clips, open_corpus
from data_prep.command import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    audio_file(tmp_path / "rec" / "one.wav", 2, 8000)
    return tmp_path


def contents(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, *arguments):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    return error


@pytest.mark.parametrize("out", ["rec", "./rec/", "link", "rec/../rec"])
def test_shards_do_not_go_into_their_source(here, capsys, out):
    (here / "link").symlink_to("rec")
    before = contents(here)
    assert "the source rec lies in the folder of the shards" in refused(capsys, "shards", "folder", "rec", "-o", out)
    assert contents(here) == before


@pytest.mark.parametrize("out", ["rec/sub", "rec/new/sub", "link/sub"])
def test_shards_do_not_go_into_a_folder_of_their_source(here, capsys, out):
    (here / "link").symlink_to("rec")
    before = contents(here)
    said = refused(capsys, "shards", "folder", "rec", "-o", out)
    assert f"the folder of the shards {out} lies in the source rec: name another folder" in said
    assert contents(here) == before


def test_ctrl_c_while_clips_are_made_is_one_line(here, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_clips, "fetch", interrupted)
    assert main(["demo-clips", "--out", "clips"]) == 130
    assert capsys.readouterr().err == "audio-inpaint-data demo-clips: interrupted; the same command begins again\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_recordings_whose_names_are_no_text_become_shards(here):
    os.rename(here / "rec" / "one.wav", os.path.join(os.fsencode(here), b"rec", b"one\xff.wav"))
    assert main(["shards", "folder", "rec", "-o", "out", "--workers", "1", "--sample-rate", "8000"]) == 0


def test_a_source_may_not_lie_among_the_shards(here, capsys):
    assert "the source rec lies in" in refused(capsys, "shards", "folder", "rec", "-o", ".")
    os.mkfifo(here / "pipe.zip")
    assert "not a regular file" in refused(capsys, "shards", "fma", "pipe.zip", "-o", "out")


@pytest.mark.parametrize("manifest", ["{}", "[]", "no JSON", '{"options": 3}'])
def test_the_manifest_of_another_program_is_left_alone(here, capsys, manifest):
    (here / "out").mkdir()
    (here / "out" / "manifest.json").write_text(manifest)
    assert "is no manifest of shards" in refused(capsys, "shards", "folder", "rec", "-o", "out", "--workers", "1")
    assert (here / "out" / "manifest.json").read_text() == manifest


@pytest.mark.parametrize(
    ("kind", "file"), [("music", "fma_metadata/tracks.csv"), ("notes", "nsynth-train/examples.json")]
)
def test_a_corpus_does_not_replace_the_data_sets_whose_layout_it_has(here, capsys, monkeypatch, kind, file):
    monkeypatch.setattr(open_corpus.packages, "require", lambda *_: pytest.fail("went on"))
    real = here / "data" / kind / file
    real.parent.mkdir(parents=True)
    real.write_text("the real one")
    assert "holds other files" in refused(capsys, "open-corpus", "-o", "data", "--only", kind)
    assert real.read_text() == "the real one"


def test_clips_are_replaced_only_if_that_was_asked_for(here, capsys, monkeypatch):
    monkeypatch.setattr(demo_clips, "fetch", lambda *_: pytest.fail("went on"))
    (here / "clips").mkdir()
    clip = here / "clips" / demo_clips.CLIPS[0].name
    clip.write_text("mine")
    assert "exists: name another file, or add --overwrite" in refused(capsys, "demo-clips", "--out", "clips")
    clip.unlink()
    clip.symlink_to(os.devnull)
    assert "not a regular file" in refused(capsys, "demo-clips", "--out", "clips", "--overwrite")
