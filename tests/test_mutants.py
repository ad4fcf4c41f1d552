"""The runner of benchmarks/mutants.py, on a package of one line."""

import importlib.util
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).parent.parent / "benchmarks" / "mutants.py"


@pytest.fixture
def runner(monkeypatch):
    spec = importlib.util.spec_from_file_location("mutants", PLACE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mutants", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def mutants(runner, tmp_path, monkeypatch):
    for name in ("shapes", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "shapes/area.py").write_text("SIDES = 4\nCOLOUR = 1\n")
    (tmp_path / "tests/test_area.py").write_text(
        "from shapes.area import SIDES\n\ndef test_sides():\n    assert SIDES == 4\n"
    )
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "PACKAGE", "shapes")
    tests = "tests/test_area.py"
    faults = {
        "sides": (" 4", " 5"),
        "colour": ("= 1", "= 2"),
        "gone": ("SIZE = 3", "SIZE = 4"),
        "twice": ("= ", "= 0 + "),
    }
    monkeypatch.setattr(
        runner, "FAULTS", {name: runner.Fault("area.py", *text, tests) for name, text in faults.items()}
    )
    return runner


def test_survivors_and_faults_that_could_not_be_tried_are_named_and_counted(mutants, tmp_path, capsys):
    assert mutants.main([]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "sides: killed by test_sides",
        "colour: SURVIVED",
        "gone: NOT TRIED: its text stands there 0 times, not once",
        "twice: NOT TRIED: its text stands there 2 times, not once",
        "3 of 4 survived",
    ]
    assert (tmp_path / "shapes/area.py").read_text() == "SIDES = 4\nCOLOUR = 1\n"


def test_a_fault_that_is_named_is_tried_alone(mutants, capsys):
    assert mutants.main(["sides"]) == 0
    assert capsys.readouterr().out == "sides: killed by test_sides\n0 of 1 survived\n"
    with pytest.raises(SystemExit) as caught:
        mutants.main(["sidse"])
    assert caught.value.code == 2


def test_nothing_is_tried_where_the_tests_fail_without_a_fault(mutants, tmp_path, capsys):
    (tmp_path / "shapes/area.py").write_text("SIDES = 3\nCOLOUR = 1\n")
    with pytest.raises(SystemExit, match=r"the tests fail without any fault.*1 failed"):
        mutants.main(["colour"])
    assert capsys.readouterr().out == ""


def test_every_fault_of_the_list_stands_once_in_its_file(runner):
    counts = {
        name: (runner.ROOT / runner.PACKAGE / fault.file).read_text(encoding="utf-8").count(fault.old)
        for name, fault in runner.FAULTS.items()
    }
    assert len(counts) > 40
    assert {name: count for name, count in counts.items() if count != 1} == {}
