"""The examples of docstrings run, and every function and class of the front door has one."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import audio_inpaint
from audio_inpaint.methods import registry

PACKAGE = Path(audio_inpaint.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
NAMES = [name for name in audio_inpaint.__all__ if inspect.getmodule(getattr(audio_inpaint, name)) is not None]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    monkeypatch.setattr(registry, "_REGISTERED", {})
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_function_and_class_of_the_front_door_has_an_example_that_is_run(name):
    one = getattr(audio_inpaint, name)
    examples = [example for test in doctest.DocTestFinder(recurse=False).find(one) for example in test.examples]
    assert any((example.want or example.exc_msg) and not example.options.get(doctest.SKIP) for example in examples)
    assert one.__module__ in MODULES


def test_the_front_door_has_its_functions_and_classes():
    functions = {"detect", "method", "method_names", "register", "repair", "repair_file"}
    assert functions | {"Detection", "FileRepair", "Gap", "InputError", "Insertion", "Repair"} == set(NAMES)
