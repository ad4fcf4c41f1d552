"""What `deep_prior` reads is never written, and what exists is replaced only if the same command wrote it."""

import os

import numpy as np
import pytest
from tiny_fits import TINY, load, sound, store

from audio_inpaint.errors import InputError
from audio_inpaint.training.cli import main
from audio_inpaint.training.deep_prior_jobs import jobs

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "in.wav", sound())
    store(tmp_path / "clean.wav", sound())
    (tmp_path / "gaps.txt").write_text("0.2\t0.22\n")
    return tmp_path


def contents(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def linked(link, source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    link(source.absolute(), target)


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("output", ["out", "./out/", "else/../out"])
@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("in.wav", "out/in.wav", "the output .* is the input"),
        ("clean.wav", "out/in.wav", "the output .* is the truth"),
        ("gaps.txt", "out/in/scores.json", "the result .* is the list of gaps"),
        ("clean.wav", "out/in/in.network.wav", "the result .* is the truth"),
        ("tiny.yaml", "out/in/report.html", "the result .* is the configuration"),
    ],
)
def test_an_output_that_leads_to_what_is_read_is_refused(here, link, output, source, target, words):
    (here / "tiny.yaml").write_text("model: x\n")
    (here / "else").mkdir()
    linked(link, here / source, here / target)
    before = contents(here)
    with pytest.raises(InputError, match=words):
        jobs("in.wav", output, "gaps.txt", "clean.wav", whole=True, configs=["tiny.yaml"])
    assert contents(here) == before


@pytest.mark.parametrize("read", ["gaps", "truth", "configs", "source"])
def test_nothing_that_is_read_may_lie_among_the_results(here, read):
    inner = here / "out" / "in" / "in.wav"
    inner.parent.mkdir(parents=True)
    store(inner, sound())
    given = {"source": "in.wav", "gaps": "gaps.txt", "truth": "clean.wav", "configs": []}
    given[read] = [str(inner)] if read == "configs" else str(inner)
    with pytest.raises(InputError, match="lies in the folder of results"):
        jobs(output="out", **given)


@pytest.mark.parametrize("name", ["out/in.wav", "out/in/report.html", "out/in/scores.json", "out/in/in.network.wav"])
def test_what_another_program_wrote_is_not_replaced(here, name):
    (here / name).parent.mkdir(parents=True)
    (here / name).write_text("mine")
    with pytest.raises(InputError, match="exists: name another file, or another --output"):
        jobs("in.wav", "out", "gaps.txt", whole=True)
    assert (here / name).read_text() == "mine"


def test_a_folder_takes_no_pipe_and_no_device_for_a_file(here):
    (here / "out").mkdir()
    (here / "out" / "in.wav").symlink_to(os.devnull)
    with pytest.raises(InputError, match="not a regular file"):
        jobs("in.wav", "out", "gaps.txt")
    os.mkfifo(here / "pipe.wav")
    for given in ({"source": "pipe.wav"}, {"source": "in.wav", "truth": "pipe.wav"}):
        with pytest.raises(InputError, match=r"pipe\.wav is not a regular file"):
            jobs(output="other", **given)


def test_a_typed_list_may_be_longer_than_a_name(here):
    (job,) = jobs("in.wav", "out", ",".join(f"0.{n:03}-0.{n:03}5" for n in range(100, 500)))
    assert job.gaps.startswith("0.100-0.1005,")


def test_the_same_command_replaces_what_it_wrote_and_a_config_of_the_results_is_refused(here, capsys, one_thread):
    command = ["deep_prior", "--trainer.max_steps=1", "--input=in.wav", "--output=out", "--gaps=gaps.txt"]
    assert main([*command, "-c", str(TINY)]) == 0
    first = load("out/in.wav")
    assert main([*command, "-c", str(TINY)]) == 0
    assert np.array_equal(load("out/in.wav"), first)
    (here / "out/in/mine.yaml").write_text(TINY.read_text())
    assert main([*command, "-c", "out/in/mine.yaml"]) == 2
    assert "the configuration out/in/mine.yaml lies in the folder of results" in capsys.readouterr().err
