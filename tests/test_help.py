"""What the command says of itself, and that it says so at once."""

import os
import subprocess
import sys
import textwrap

import pytest
from test_cli import damaged, run

import audio_inpaint.methods.registry
from audio_inpaint.cli import main
from audio_inpaint.methods.explanation import DOUBTFUL


def test_methods_lists_the_registry(capsys):
    assert run("methods") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(audio_inpaint.methods.registry.names())
    assert {"janssen", "burg"} <= set(listed)


@pytest.mark.parametrize("arguments", [[], ["inpaint"], ["detect"], ["methods"]])
def test_help_imports_nothing_heavy(arguments):
    code = f"""
        import sys
        from audio_inpaint.cli import main
        try:
            main({[*arguments, "--help"]})
        except SystemExit as stop:
            assert stop.code == 0
        heavy = {{"torch", "numpy", "soundfile", "lightning", "wandb", "scipy", "matplotlib"}} & set(sys.modules)
        assert not heavy, heavy
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: audio-inpaint" in done.stdout


def test_help_names_the_threshold_of_the_labels(capsys):
    with pytest.raises(SystemExit):
        main(["inpaint", "--help"])
    assert f"(under {DOUBTFUL:g} dB)" in " ".join(capsys.readouterr().out.split())


def test_a_classical_repair_needs_neither_lightning_nor_wandb(tmp_path):
    source = damaged(tmp_path / "in.wav")
    code = f"""
        import sys
        from audio_inpaint.cli import main
        assert main(["inpaint", {str(source)!r}, "-o", {str(tmp_path / "out.wav")!r}, "--gaps", "6000:6480"]) == 0
        heavy = {{"lightning", "pytorch_lightning", "wandb", "torchmetrics", "matplotlib"}} & set(sys.modules)
        assert not heavy, heavy
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_is_quiet(tmp_path):
    source = damaged(tmp_path / "in.wav")
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "audio_inpaint", "detect", str(source)]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("audio-inpaint ")
