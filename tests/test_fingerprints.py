"""Fingerprints: what a method's results are made of, and nothing else, decides whether a benchmark knows them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from benchmark_cases import tone
from tiny_checkpoint import NET, random_checkpoint

import audio_inpaint
from audio_inpaint.benchmark import engine
from audio_inpaint.benchmark.masks import single
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.errors import InputError
from audio_inpaint.methods import registry, sources
from audio_inpaint.methods.registry import fingerprint

ROOT = Path(audio_inpaint.__file__).parent.parent

METHOD = """\
import torch
from parts.gain import GAIN


class Echo:
    def __call__(self, audio, gap, sample_rate):
        return torch.where(gap, GAIN * audio.roll(sample_rate // 10, -1), audio)
"""

# What is edited: those of METHODS that it changes.
JANSSEN = {"auto", "janssen", "recall", "burg", "sga", "transplant", "caw", "ce_music"}
PRIORS = {"dpai", "dpai_fast", "dpai_unet"}
METHODS = JANSSEN | PRIORS | {"silence"}
EDITS = {
    "methods/burg.py": JANSSEN,
    "methods/recall/completion.py": {"auto", "recall"},
    "methods/deep_prior/fit.py": PRIORS,
    "losses.py": PRIORS,
    "nn/unet.py": {"dpai_unet"},
    "nn/multires_unet.py": {"dpai", "dpai_fast"},
    "nn/slim_context_encoder.py": {"ce_music"},
    "nn/context_encoder.py": set(),
    "methods/contract.py": METHODS,
    "methods/registry.py": set(),
    "report/page.py": set(),
    "training/callbacks.py": set(),
    "../configs/dpai_fast.yaml": {"dpai_fast"},
}
EDITING = """\
import json, sys
from pathlib import Path
import audio_inpaint
from audio_inpaint.methods.registry import fingerprint
names, edits = json.loads(sys.argv[1])
root = Path(audio_inpaint.__file__).parent
assert root == Path.cwd() / "audio_inpaint"  # the copy
before, changed = {name: fingerprint(name) for name in names}, {}
for edit in edits:
    content = (root / edit).read_bytes()
    edited = b"edited: true" if edit.endswith(".yaml") else b"# edited"  # a config's comments do not count
    (root / edit).write_bytes(content + b"\\n" + edited + b"\\n")
    changed[edit] = [name for name in names if fingerprint(name) != before[name]]
    (root / edit).write_bytes(content)
print(json.dumps([changed, before == {name: fingerprint(name) for name in names}]))
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """What edits of a copy of the package change."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("audio_inpaint", "configs", "checkpoints"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    given = json.dumps([sorted(METHODS), list(EDITS)])
    done = subprocess.run(
        [sys.executable, "-c", EDITING, given],
        cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found, undone = json.loads(done.stdout)
    assert undone
    return found


@pytest.mark.parametrize("edit", list(EDITS))
def test_an_edit_of_the_package_changes_the_methods_that_use_it_and_no_others(changed, edit):
    assert set(changed[edit]) == EDITS[edit]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(registry, "_REGISTERED", {})
    sources._top.cache_clear()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").touch()
    (tmp_path / "parts" / "gain.py").write_text("from .numbers import GAIN\n")
    (tmp_path / "parts" / "numbers.py").write_text("GAIN = 0.5\n")
    (tmp_path / "parts" / "other.py").write_text("OTHER = 1\n")
    (tmp_path / "echo.py").write_text(METHOD)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] in ("parts", "echo")]:
        del sys.modules[name]


def by_registration():
    sys.path.append(str(Path.cwd()))
    import echo

    audio_inpaint.register("given", echo.Echo)
    return "given"


@pytest.mark.parametrize("named", ["echo.py:Echo", "echo:Echo", by_registration])
def test_a_method_of_ones_own_is_its_file_and_what_that_imports(here, named):
    name = named if isinstance(named, str) else named()
    before = fingerprint(name)
    assert fingerprint(name) == before
    for edited, matters in {
        "parts/numbers.py": True,
        "parts/gain.py": True,
        "parts/__init__.py": True,
        "parts/other.py": False,
        "echo.py": True,
    }.items():
        content = (here / edited).read_text()
        (here / edited).write_text(content + "\n# edited\n")
        assert (fingerprint(name) != before) == matters, edited
        (here / edited).write_text(content)
    assert fingerprint(name) == before


def test_a_method_of_ones_own_that_builds_on_one_of_the_package_is_that_too(here):
    (here / "echo.py").write_text("from audio_inpaint.methods.janssen import Janssen\n\nclass Echo(Janssen): pass\n")
    files = sources.closure([here / "echo.py"])
    package = ROOT / "audio_inpaint"
    assert {package / "methods" / "janssen.py", package / "methods" / "burg.py"} <= set(files)
    assert package / "methods" / "recall" / "recall.py" not in files


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("from audio_inpaint import method", True),
        ("import audio_inpaint", True),
        ("import audio_inpaint.gaps", True),  # after it, audio_inpaint.method is there too
        ("from audio_inpaint import *", True),
        ("def late():\n    from audio_inpaint import repair", True),
        ("from audio_inpaint.methods import registry", True),
        ("from audio_inpaint.methods.registry import method", True),
        ("from audio_inpaint.repairing import repair", True),
        ("from parts.asks import method", True),
        ("from audio_inpaint.gaps import Gap", False),
        ("import audio_inpaint.gaps as gaps", False),
        ("from audio_inpaint import gaps", False),
        ("from audio_inpaint.methods.silence import Silence", False),
    ],
)
def test_a_method_of_ones_own_that_can_name_any_of_the_package_is_all_of_them(here, code, counts):
    (here / "parts" / "asks.py").write_text("from audio_inpaint import method\n")
    (here / "echo.py").write_text(f"{code}\n\n\nclass Echo: pass\n")
    made_of = {
        file.relative_to(ROOT).as_posix() for file in sources.closure([here / "echo.py"]) if ROOT in file.parents
    }
    expected = {f"audio_inpaint/methods/{one}.py" for one in ("janssen", "recall/recall", "deep_prior/fit")}
    expected |= {"audio_inpaint/nn/unet.py", "configs/dpai_fast.yaml", "checkpoints/ce_music.pt"}
    assert made_of & expected == (expected if counts else set())
    assert "audio_inpaint/report/page.py" not in made_of


def test_all_that_the_front_door_leads_to_counts_for_who_may_use_it(here):
    (here / "echo.py").write_text("import audio_inpaint\n\n\nclass Echo: pass\n")
    files = set(sources.closure([here / "echo.py"]))
    modules = {sys.modules[getattr(audio_inpaint, name).__module__] for name in audio_inpaint.__all__ if name[0] != "_"}
    assert {Path(module.__file__) for module in modules} - files == {Path(registry.__file__)}


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("import parts.gain", True),
        ("import parts.gain as other", True),
        ("from parts import gain", True),
        ("from parts.gain import GAIN", True),
        ("def late():\n    from parts import gain", True),
        ("try:\n    import parts.gain\nexcept ImportError:\n    pass", True),
        ("if True:\n    import parts.gain", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import parts.gain", False),
        ("'import parts.gain'", False),
        ("import parts", False),
        ("import numpy, scipy.signal, torch, json", False),
    ],
)
def test_imports_of_every_form_count(here, code, counts):
    (here / "user.py").write_text(code + "\n")
    names = {path.relative_to(here).as_posix() for path in sources.closure([here / "user.py"])}
    assert ("parts/gain.py" in names) == counts
    assert ("parts/numbers.py" in names) == counts  # what an import imports


def test_options_and_the_state_of_what_is_registered_count(here):
    assert fingerprint("janssen") != fingerprint("janssen:iterations=5")
    sys.path.append(str(here))
    import functools

    import echo

    marks = set()
    for factory in (echo.Echo, functools.partial(echo.Echo), functools.partial(echo.Echo.__call__, 1)):
        audio_inpaint.register("given", factory)
        marks.add(fingerprint("given"))
    assert len(marks) == 3


@pytest.mark.parametrize(
    "value",
    [
        "parts.gain:GAIN",
        "parts.gain.GAIN",
        "parts.gain",
        "parts/numbers.py:GAIN",
        "parts/numbers.py",
        "parts/numbers.py:GAIN:order=5",
        "[parts.other:OTHER,parts/numbers.py]",
        "{class_path: parts.numbers.GAIN}",
    ],
)
def test_the_source_that_an_option_names_counts(here, value):
    (here / "user.py").write_text("class Uses:\n    def __init__(self, net): pass\n    def __call__(self): pass\n")
    before = fingerprint(f"user.py:Uses:net={value}"), fingerprint("user.py:Uses:net=none")
    (here / "parts" / "numbers.py").write_text("GAIN = 0.25\n")
    assert fingerprint(f"user.py:Uses:net={value}") != before[0]
    assert fingerprint("user.py:Uses:net=none") == before[1]


def test_the_file_that_an_option_names_counts(here):
    sys.path.append(str(here))
    (here / "user.py").write_text(
        "from pathlib import Path\n\n\nclass Uses:\n    def __init__(self, weights: Path): self.weights = weights\n"
        "    def __call__(self): pass\n"
    )
    import functools

    import user

    (here / "a.bin").write_bytes(bytes(range(256)))
    audio_inpaint.register("bound", functools.partial(user.Uses, weights="a.bin"))
    names = "user.py:Uses:weights=a.bin", f"user.py:Uses:weights={here / 'a.bin'}", "bound"
    before = [fingerprint(name) for name in names]
    (here / "a.bin").write_bytes(bytes(range(255)))
    assert all(fingerprint(name) != old for name, old in zip(names, before, strict=True))
    changed = [fingerprint(name) for name in names]
    (here / "a.bin").unlink()
    assert all(fingerprint(name) != old for name, old in zip(names, changed, strict=True))
    del sys.modules["user"]


def test_the_network_of_a_checkpoint_counts_wherever_it_is_written(here, monkeypatch):
    """One of one's own is not built unless it is named, but its edits are seen."""
    (here / "mynets.py").write_text("class Net: pass\n")
    random_checkpoint(here / "a.ckpt")
    content = torch.load(here / "a.ckpt", weights_only=True)
    content["hyper_parameters"]["net"] = {**NET, "class_path": "mynets.Net"}
    torch.save(content, here / "b.ckpt")
    before = fingerprint("a.ckpt"), fingerprint("b.ckpt")
    (here / "mynets.py").write_text("class Net: edited = True\n")
    assert fingerprint("a.ckpt") == before[0]
    assert fingerprint("b.ckpt") != before[1]
    with pytest.raises(InputError, match=r"from outside the package, mynets\.Net"):
        audio_inpaint.method("b.ckpt")


def test_the_weights_of_a_checkpoint_count_and_a_missing_one_is_said(here):
    random_checkpoint(here / "a.ckpt")
    before = fingerprint("a.ckpt")
    content = torch.load(here / "a.ckpt", weights_only=True)
    next(iter(content["state_dict"].values())).add_(1)
    torch.save(content, here / "a.ckpt")
    assert fingerprint("a.ckpt") != before
    with pytest.raises(InputError, match=r"there is no checkpoint gone\.ckpt"):
        fingerprint("gone.ckpt")


def test_a_benchmark_computes_anew_what_was_edited_and_nothing_else(here):
    tone(here / "clips" / "music" / "a.wav")
    (recording,) = recordings(["clips"])
    cases = single(recording, 0, (20,), 1, 128.0, seed=0)

    def scores():
        known = []
        found = engine.run(
            ["echo.py:Echo", "silence"], cases, ["snr_td"], here / "cache", progress=lambda t: known.append(t.cached)
        )
        assert found.failures == []
        return known[-1], [row.scores["snr_td"] for row in found.rows]

    known, first = scores()
    assert known == 0
    assert scores() == (2, first)
    (here / "parts" / "numbers.py").write_text("GAIN = 0.0\n")
    known, then = scores()
    assert known == 1
    assert then == [0.0, first[1]]
