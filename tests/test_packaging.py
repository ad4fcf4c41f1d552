"""What is declared: dependencies and what imports them, their pins, version, citation, image."""

import ast
import itertools
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from declared import BASE, EXTRAS, PROJECT, REQUIREMENTS, brought
from packaging.utils import canonicalize_name

import audio_inpaint
from audio_inpaint.extras import TRAIN

ROOT = Path(__file__).parents[1]
# What needs the extra `train` as a whole; other rooms import what an extra brings by `needed` or `require`.
TRAINING = ("training", "benchmark/presets", "listening/figure.py", "scores/torch_metrics.py")
# Lightning imports these where a config asks for them: its command line, and two of its loggers.
BY_LIGHTNING = {"jsonargparse", "tensorboard", "wandb"}


# ---- imports


def imports(path):
    """Yield (module, guard) of what a file imports and runs; the guard is `needed`, `require` or None."""
    left = [(ast.parse(path.read_text(encoding="utf-8")), None)]
    while left:
        node, guard = left.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.With) and any(ast.unparse(item.context_expr) == "needed()" for item in node.items):
            guard = "needed"
        if isinstance(node, ast.Import):
            yield from ((one.name.split(".")[0], guard) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0], guard
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "require"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.args[0].value, "require"
        left += [(child, guard) for child in ast.iter_child_nodes(node)]


@cache
def distributions():
    return packages_distributions()


def imported(*folders, rooms=None, guards=(None,)):
    """The distributions that the files of these folders import, Python's own and this project's left out.

    Args:
        rooms: True for the rooms that need the extra `train` alone, False for the others alone.
        guards: how they are imported.
    """
    owners, own = distributions(), {"audio_inpaint", "data_prep", *(path.stem for path in ROOT.glob("*/*.py"))}
    found = set()
    for file in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        inside = any(file.is_relative_to(ROOT / "audio_inpaint" / room) for room in TRAINING)
        if rooms is not None and rooms != inside:
            continue
        for module, guard in imports(file):
            if guard in guards and module not in sys.stdlib_module_names and module not in own:
                found.add(str(canonicalize_name(owners.get(module, [module])[0])))
    return found


def test_what_repairs_imports_what_the_base_declares_and_all_of_it():
    assert imported("audio_inpaint", "data_prep", rooms=False) == BASE


def test_what_trains_imports_what_its_extra_declares_and_all_of_it():
    plain = imported("audio_inpaint", rooms=True, guards=(None, "needed"))
    elsewhere = imported("audio_inpaint", "data_prep", rooms=False, guards=("needed",))
    assert plain | elsewhere <= BASE | EXTRAS["train"]
    assert (plain | elsewhere | BY_LIGHTNING) - BASE == EXTRAS["train"]
    assert set(TRAIN) == EXTRAS["train"]  # what a message names when it is missing


def test_the_speech_scores_require_what_their_extra_declares():
    assert imported("audio_inpaint", guards=("require",)) == EXTRAS["metrics"]


def test_scripts_and_tests_import_what_is_declared():
    assert imported("benchmarks", "demo") <= BASE | EXTRAS["train"]
    assert imported("docs") <= BASE | EXTRAS["train"] | {"griffelib", "mkdocs"}
    made = {"echo", "functions", "mymethod", "mymodel", "mynetwork", "user"}  # modules that tests write for themselves
    found = imported("tests") - BASE - EXTRAS["train"] - made
    assert found <= EXTRAS["dev"]
    # programs, not imported: what builds the wheel, what runs tests in parallel, what checks style
    assert EXTRAS["dev"] - found == {"hatchling", "pytest-xdist", "ruff"}


# ---- pins, version, citation, image


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_constraints_pin_a_version_that_suits_every_dependency():
    pinned = pins()
    for requirement in itertools.chain(*REQUIREMENTS.values()):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, requirement
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_constraints_pin_all_that_the_dependencies_bring():
    names = BASE.union(*EXTRAS.values())
    assert names < brought(names)
    assert brought(names) - pins().keys() == set()


def test_torch_and_torchaudio_are_pinned_as_a_pair():
    assert pins()["torch"] == pins()["torchaudio"]


def test_version_is_that_of_the_project():
    if audio_inpaint.__version__ == "0+unknown":
        pytest.skip("the package is not installed")
    assert audio_inpaint.__version__ == PROJECT["project"]["version"]
    assert f"[{PROJECT['project']['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_names_this_version_and_both_papers_whole():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert citation["version"] == PROJECT["project"]["version"]
    assert citation["authors"] == PROJECT["project"]["authors"]
    assert len(citation["references"]) == 2
    for paper in citation["references"]:
        assert {"type", "title", "authors", "journal", "year", "doi"} <= paper.keys()
        assert all(person.keys() == {"given-names", "family-names"} for person in paper["authors"])
        assert re.fullmatch(r"10\.\d{4,}/\S+", paper["doi"])


def test_the_image_copies_only_files_that_exist_and_are_not_ignored():
    lines = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(copied) == sorted(kept)
    assert all((ROOT / name).exists() for name in copied)
