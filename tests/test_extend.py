"""A method of one's own, as docs/extend.md has it: from a file outside the package, through every door."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from benchmark_cases import tone

import audio_inpaint
from audio_inpaint.benchmark.engine import run as run_benchmark
from audio_inpaint.benchmark.masks import single
from audio_inpaint.benchmark.presets import deep_prior_tables
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.methods import registry
from audio_inpaint.methods.contract import ContractError

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
RATE, START, STOP = 16000, 6400, 7200


def blocks(language):
    """Return the page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


CODE, EXAMPLE, *_ = blocks("python")  # the others are of test_own_networks.py and test_varied_gaps.py


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the page's file, a damaged recording, and clips to make gaps in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(registry, "_REGISTERED", {})
    (tmp_path / "mymethod.py").write_text(CODE)
    tone(tmp_path / "demo" / "clips" / "music_tone.wav")
    audio = soundfile.read(tone(tmp_path / "clean.wav"))[0]
    audio[START:STOP] = 0
    soundfile.write(tmp_path / "damaged.wav", audio, RATE, subtype="PCM_16")
    yield tmp_path
    sys.modules.pop("mymethod", None)


def shell(script, place, *found):
    """Run a script where `audio-inpaint` is this package's, and more may be found on Python's path."""
    programs = place / "programs"
    programs.mkdir(exist_ok=True)
    command = programs / "audio-inpaint"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m audio_inpaint "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([*map(str, found), str(ROOT)])
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path}
    return subprocess.run(
        ["sh", "-ec", script], cwd=place, env=environment, capture_output=True, text=True, check=False
    )


def filled(path="repaired.wav"):
    """Return the fill, and what was heard a tenth of a second before it."""
    audio = soundfile.read(path)[0]
    return audio[START:STOP], audio[START - 1600 : STOP - 1600]


def is_echo(amount, path="repaired.wav"):
    fill, before = filled(path)
    return np.allclose(fill, amount * before, atol=2**-15)


def test_the_method_of_the_page_takes_ten_lines():
    lines = [line for line in CODE.splitlines() if line.strip()]
    assert len(lines) <= 10


def test_the_commands_of_the_page_run(here):
    *inpainting, benchmarking = blocks("bash")[0].splitlines()
    assert len(inpainting) == 2
    for command, amount in zip(inpainting, (0.5, 0.3), strict=True):
        done = shell(command, here)
        assert (done.returncode, done.stderr) == (0, "")
        assert is_echo(amount, "echo.wav")
    done = shell(f"{benchmarking} --workers 2", here)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\s*.*mymethod\.py:Echo", done.stdout, re.MULTILINE)
    assert "1 of" not in done.stderr.replace("1 of 2", "")  # no restoration failed


def test_the_example_in_python_runs(here):
    """As it stands, but for the audio, and with a look at every result."""
    assert EXAMPLE.count("\nrepaired = ") == 3
    audio = torch.from_numpy(soundfile.read("damaged.wav")[0])
    names = {"audio": audio, "gaps": [(START, STOP)], "sample_rate": RATE}
    sys.path.append(str(here))
    results = []
    for line in EXAMPLE.splitlines():
        exec(line, names)
        if line.startswith("repaired"):
            results.append(names["repaired"].audio)
    for result in results:
        assert torch.equal(result[START:STOP], 0.3 * audio[START - 1600 : STOP - 1600])
    assert registry.names()["echo"] == "what was heard a tenth of a second before"


def test_a_function_with_options_is_a_method_in_a_file_and_registered(here):
    (here / "functions.py").write_text(
        "import torch\n\n\ndef echo(audio, gap, sample_rate, amount=0.5):\n"
        "    return torch.where(gap, amount * audio.roll(sample_rate // 10, -1), audio)\n"
    )
    inpaint = ["inpaint", "damaged.wav", "-o", "repaired.wav", "--overwrite", "--method"]
    assert main([*inpaint, "functions.py:echo"]) == 0
    assert is_echo(0.5)
    assert main([*inpaint, "functions:echo:amount=0.3"]) == 0
    assert is_echo(0.3)
    import functions

    audio_inpaint.register("given", functions.echo)
    assert main([*inpaint, "given:amount=0.25"]) == 0
    assert is_echo(0.25)
    del sys.modules["functions"]


@pytest.fixture
def installed(here, monkeypatch):
    """A distribution with the page's entry point, as an installer leaves it."""
    points = tomllib.loads(blocks("toml")[0])["project"]["entry-points"]["audio_inpaint.methods"]
    ((name, value),) = points.items()
    site = here / "site"
    module = site.joinpath(*value.split(":")[0].split(".")).with_suffix(".py")
    module.parent.mkdir(parents=True)
    (module.parent / "__init__.py").touch()
    module.write_text(CODE)
    info = site / "mypackage-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mypackage\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[audio_inpaint.methods]\n{name} = {value}\n")
    registry._installed.cache_clear()
    monkeypatch.syspath_prepend(site)
    yield module
    registry._installed.cache_clear()
    for one in [one for one in sys.modules if one.split(".")[0] == "mypackage"]:
        del sys.modules[one]


def test_an_installed_package_brings_a_method(installed):
    assert registry.names()["echo"] == "from mypackage.mymodule"
    assert audio_inpaint.method("echo", amount=0.3).amount == 0.3
    assert main(["inpaint", "damaged.wav", "-o", "repaired.wav", "--method", "echo:amount=0.3"]) == 0
    assert is_echo(0.3)


def test_an_installed_package_reaches_the_commands_and_the_processes_of_a_benchmark(installed, here):
    done = shell("audio-inpaint methods", here, here / "site")
    assert re.search(r"^echo +from mypackage\.mymodule$", done.stdout, re.MULTILINE)
    done = shell(
        "audio-inpaint benchmark demo/clips -o runs --methods echo:amount=0.3,silence --gap-ms 20,40 --workers 2",
        here,
        here / "site",
    )
    assert done.returncode == 0, done.stderr
    assert "echo:amount=0.3" in done.stdout


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nowhere.module:Echo", "there is no module nowhere.module"),
        ("mypackage.mymodule:Gone", "no class or function"),
        ("mypackage.mymodule", "the entry point broken = 'mypackage.mymodule' names no class: it needs MODULE:CLASS"),
    ],
)
def test_an_entry_point_that_leads_nowhere_gives_one_line(installed, here, capsys, value, words):
    (here / "site" / "mypackage-1.0.dist-info" / "entry_points.txt").write_text(
        f"[audio_inpaint.methods]\nbroken = {value}\n"
    )
    registry._installed.cache_clear()
    assert main(["inpaint", "damaged.wav", "-o", "repaired.wav", "--method", "broken"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert main(["inpaint", "damaged.wav", "-o", "repaired.wav", "--method", "janssen"]) == 0


def test_entry_points_that_cannot_be_used_are_named_with_the_reason(installed, here, capsys):
    points = [f"{name} = mypackage.mymodule:Echo" for name in ("janssen", "m.ckpt", "5x", "good")]
    file = here / "site" / "mypackage-1.0.dist-info" / "entry_points.txt"
    file.write_text("\n".join(["[audio_inpaint.methods]", *points]))
    registry._installed.cache_clear()
    assert main(["methods"]) == 0
    listed, said = capsys.readouterr()
    assert [line.split()[0] for line in listed.splitlines() if "mypackage" in line] == ["good"]
    for name, words in {"janssen": "has that name", "m.ckpt": "a checkpoint's file", "5x": "made of letters"}.items():
        assert re.search(rf"passed over the entry point {name} = mypackage\.mymodule:Echo: .*{words}", said)
    assert said.count("\n") == 3


def test_a_registered_method_reaches_the_processes_of_a_benchmark(here, monkeypatch):
    sys.path.append(str(here))
    from mymethod import Echo

    audio_inpaint.register("echo", Echo)
    (recording,) = recordings(["demo/clips"])
    cases = single(recording, 0, (20, 40), 1, 128.0, seed=0)
    results = run_benchmark(["echo:amount=0.3", "mymethod.py:Echo"], cases, ["snr_td"], here / "cache", workers=2)
    assert results.failures == []
    truth, _ = recording.audio()
    for row in results.rows:
        amount = 0.3 if row.method.startswith("echo") else 0.5
        (gap,) = row.case.mask.gaps
        expected = amount * truth[:, gap.start - 1600 : gap.stop - 1600]
        torch.testing.assert_close(
            results.restored(row)[:, gap.start : gap.stop], expected, atol=1e-6, rtol=0, check_dtype=False
        )


def test_what_other_processes_cannot_import_is_said_in_one_line(here):
    (recording,) = recordings(["demo/clips"])
    cases = single(recording, 0, (20,), 1, 128.0, seed=0)
    audio_inpaint.register("unnamed", lambda audio, gap, sample_rate: audio.masked_fill(gap, 0))
    with pytest.raises(InputError, match="unnamed cannot go to other processes: define it in a module"):
        run_benchmark(["unnamed"], cases, ["snr_td"], here / "cache")


def test_presets_compare_a_method_of_ones_own_beside_theirs(here, monkeypatch, capsys):
    monkeypatch.setattr(deep_prior_tables, "QUICK_METHODS", ("silence",))
    arguments = ["benchmark", "--preset", "dpai-fig9", "--quick", "music=demo/clips", "-o", "out", "--workers", "2"]
    tone(here / "demo" / "clips" / "music_tone.wav", seconds=2.0)
    assert main([*arguments, "--methods", "mymethod.py:Echo:amount=0.3"]) == 0
    assert "mymethod.py:Echo:amount=0.3" in capsys.readouterr().out
    assert "mymethod.py:Echo:amount=0.3,nmse_miss" in (here / "out" / "dpai-fig9.csv").read_text()


def test_a_preset_that_compares_no_methods_takes_none(here, capsys):
    arguments = ["benchmark", "--preset", "dpai-fig6", "music=demo/clips", "-o", "out", "--methods", "janssen"]
    assert main(arguments) == 2
    assert "the preset dpai-fig6 takes no --methods; these do: ce-table4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("gone.py:Echo", "there is no file gone.py"),
        ("gone:Echo", "there is no module gone, neither installed nor in the working directory"),
        ("mymethod.py:Gone", "there is no class or function Gone in mymethod.py"),
        ("mymethod:torch", "there is no class or function torch"),
        ("mymethod.py:", "no method is called 'mymethod.py:'"),
        ("mymethod.py", "no method is called 'mymethod.py'"),
        (".:Echo", "no module's name"),
        ("mymethod.py:Echo:volume=3", "no option 'volume'; choose from amount"),
        ("mymethod.py:Echo:amount=abc", "amount is a number, not 'abc'"),
        ("mymethod.py:Echo:0.3", "options are written NAME=VALUE"),
        ("others.py:Wants", "amount must be given: add amount=VALUE"),
        ("others.py:Wants:amount=-1", "others.py:Wants:amount=-1: never below zero"),
        ("others.py:Idle", "others.py:Idle is no method"),
        ("others.py:plain:amount=loud", "amount is a number, not 'loud'"),
    ],
)
def test_what_is_wrong_with_a_name_is_said_in_one_line(here, capsys, spec, words):
    (here / "others.py").write_text(
        "class Wants:\n    def __init__(self, amount):\n"
        "        if amount < 0: raise ValueError('never below zero')\n\n\n"
        "class Idle: pass\n\n\n"
        "def plain(audio, gap, sample_rate, amount=1): return audio\n"
    )
    assert main(["inpaint", "damaged.wav", "-o", "repaired.wav", "--method", spec]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (here / "repaired.wav").exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise ZeroDivisionError", ZeroDivisionError),
        ("return audio[:, :50]", ContractError),
        ("return 5", ContractError),
    ],
)
def test_a_bug_of_a_method_of_ones_own_keeps_its_traceback(here, body, error):
    (here / "buggy.py").write_text(f"def buggy(audio, gap, sample_rate):\n    {body}\n")
    with pytest.raises(error) as caught:
        main(["inpaint", "damaged.wav", "-o", "repaired.wav", "--method", "buggy.py:buggy"])
    assert caught.value.__notes__ == ["This happened to damaged.wav."]
    assert not (here / "repaired.wav").exists()


@pytest.mark.parametrize("code", ["", "0", "'no GPU'"])
@pytest.mark.parametrize(
    "source",
    [
        "import sys\nsys.exit({})\n",
        "import sys\ndef __getattr__(name): sys.exit({})\n",
        "import sys\nclass Ends:\n    def __init__(self): sys.exit({})\n    def __call__(self): pass\n",
        "import sys\ndef Ends(audio, gap, sample_rate): sys.exit({})\n",
    ],
)
def test_a_method_of_ones_own_that_ends_the_program_is_a_bug_and_no_success(here, source, code):
    (here / "ends.py").write_text(source.format(code))
    for named in ("ends.py:Ends", "ends:Ends"):
        with pytest.raises(ContractError, match="ended the program by SystemExit") as caught:
            main(["inpaint", "damaged.wav", "-o", "repaired.wav", "--method", named])
        assert isinstance(caught.value.__cause__, SystemExit)
        sys.modules.pop("ends", None)
    assert not (here / "repaired.wav").exists()


def test_a_bug_of_a_method_in_a_benchmark_keeps_its_type_and_its_traceback(here, capsys):
    (here / "buggy.py").write_text(
        "import sys\nfrom audio_inpaint.errors import InputError\n\n\ndef looks_up(audio, gap, sample_rate):\n"
        "    return {}['x']\n\n\ndef leaves(audio, gap, sample_rate):\n    sys.exit()\n\n\n"
        "def refuses(audio, gap, sample_rate):\n    raise InputError('too short')\n"
    )
    names = [f"buggy.py:{one}" for one in ("looks_up", "leaves", "refuses")]
    command = ["benchmark", "demo/clips", "-o", "runs", "--gap-ms", "20", "--methods", ",".join(["silence", *names])]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert re.search(r"failed: buggy\.py:looks_up on .*: KeyError: 'x'\n", said)
    assert "3 of 4 restorations failed; tracebacks are in runs/results.json" in said
    failures = {one["method"]: one for one in json.loads((here / "runs" / "results.json").read_text())["failures"]}
    assert failures[names[0]]["reason"] == "KeyError: 'x'"
    assert failures[names[0]]["traceback"][-1] == "KeyError: 'x'"
    assert any('buggy.py", line 6, in looks_up' in line for line in failures[names[0]]["traceback"])
    assert "ended the program" in failures[names[1]]["reason"]
    assert any('buggy.py", line 10, in leaves' in line for line in failures[names[1]]["traceback"])
    assert failures[names[2]] == {"method": names[2], "case": failures[names[0]]["case"], "reason": "too short"}


def test_a_bug_of_a_module_of_ones_own_keeps_its_traceback(here):
    (here / "buggy.py").write_text("import missing_module_of_ones_own\n")
    for name in ("buggy.py:Echo", "buggy:Echo"):
        with pytest.raises(ModuleNotFoundError, match="missing_module_of_ones_own"):
            audio_inpaint.method(name)


def test_names_that_the_package_has_or_that_cannot_be_typed_are_not_given_away(here):
    for name in ("janssen", "dpai", "ce_music", "a:b", "a,b", "", "5", "m.ckpt", "m.pt"):
        with pytest.raises(ValueError, match="method"):
            audio_inpaint.register(name, lambda audio, gap, sample_rate: audio)
    with pytest.raises(ValueError, match="neither a class nor a method"):
        audio_inpaint.register("five", 5)
