"""A folder that holds what an earlier run wrote into it can be given again."""

from pathlib import Path

import pytest
from test_cli import damaged, run

COMMON = ["--gaps", "6000:6480", "--method", "silence"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/x.wav", "in/y.wav", "in/sub/z.wav"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        damaged(Path(name))
    return tmp_path


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*"))


def test_outputs_with_a_suffix_in_the_folder_of_the_inputs_are_no_inputs(here, capsys):
    command = ["inpaint", "in", "-o", "in", "--suffix", "_r", *COMMON]
    assert run(*command) == 0
    made = names("in")
    assert made == ["sub", "sub/z.wav", "x.wav", "x_r.wav", "y.wav", "y_r.wav"]
    assert run(*command) == 2
    assert "x_r.wav exists: name another file, or add --overwrite" in capsys.readouterr().err
    damaged(Path("in/new.wav"))
    assert run(*command, "--skip-existing") == 0
    said = capsys.readouterr().out
    assert "in/y_r.wav: left out, the output of in/y.wav" in said
    assert "in/y.wav: skipped" in said
    assert names("in") == sorted([*made, "new.wav", "new_r.wav"])
    assert run(*command, "--overwrite") == 0
    assert names("in") == sorted([*made, "new.wav", "new_r.wav"])


def test_a_folder_of_outputs_inside_that_of_the_inputs_is_not_read_again(here):
    command = ["inpaint", "in", "--recursive", "-o", "in/out", *COMMON]
    assert run(*command) == 0
    made = names("in")
    assert run(*command, "--overwrite") == 0
    assert names("in") == made  # no folder `out/out` either


def test_what_the_user_named_stays_an_input(here, capsys):
    damaged(Path("in/x_r.wav"))
    assert run("inpaint", "in/x.wav", "in/x_r.wav", "-o", "in", "--suffix", "_r", *COMMON, "--overwrite") == 2
    assert "the output in/x_r.wav is the input itself" in capsys.readouterr().err


def test_an_input_of_another_folder_is_never_taken_for_an_output(here, capsys):
    damaged(Path("in/sub/x.wav"))
    before = Path("in/sub/x.wav").read_bytes()
    assert run("inpaint", "in", "in/sub", "-o", "in/sub", *COMMON, "--overwrite") == 2
    assert "is the input itself" in capsys.readouterr().err
    assert Path("in/sub/x.wav").read_bytes() == before
