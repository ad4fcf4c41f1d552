"""The commands in the documentation, as far as they can be checked in seconds: programs, options, presets."""

import re
import shlex
from pathlib import Path

import pytest

from audio_inpaint.benchmark.presets import names
from audio_inpaint.cli import _parser
from data_prep.command import main as prepare_data

ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.glob("docs/*.md"))


def commands(page, *program):
    """The lines of a page's shell blocks that begin with these words, as lists of the words after them."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in re.sub(r"\\\n", " ", block).splitlines()]
    return [line[len(program) :] for line in lines if line[: len(program)] == list(program)]


def test_there_are_commands_to_check():
    found = [command for page in PAGES for command in commands(page, "audio-inpaint")]
    assert len(found) > 20
    assert sum("--preset" in command for command in found) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_the_documentation_are_understood(page):
    for arguments in commands(page, "audio-inpaint"):
        parsed = _parser().parse_args(arguments)
        if arguments[0] == "benchmark" and parsed.preset:
            assert parsed.preset in names(), arguments


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_the_documentation_that_prepare_data_take_their_options(page, capsys):
    for arguments in commands(page, "audio-inpaint-data"):
        with pytest.raises(SystemExit) as stop:
            prepare_data([*arguments, "--help"])
        shown = capsys.readouterr().out
        assert not stop.value.code
        assert [word for word in arguments if word.startswith("-") and word not in shown] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_scripts_of_the_documentation_are_there_with_their_options(page):
    text = page.read_text(encoding="utf-8")
    inline = [shlex.split(line)[1:] for line in re.findall(r"`(python benchmarks/[^`]*)`", text)]
    found = [line for line in [*commands(page, "python"), *inline] if line[0].startswith("benchmarks/")]
    for script, *arguments in found:
        source = (ROOT / script).read_text(encoding="utf-8")
        options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
        assert [option for option in options if f'"{option}"' not in source] == [], script
