"""A training replaces neither the configuration that it reads nor another training."""

import pytest
from tone_shards import TINY, arguments, run, write_tones

from audio_inpaint.training.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")


def checkpoints(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*.ckpt")}


@pytest.mark.parametrize("name", ["config.yaml", "hparams.yaml"])
def test_the_configuration_that_is_read_is_not_written_over(tmp_path, capsys, name):
    shards = write_tones(tmp_path)
    (tmp_path / "run").mkdir()
    mine = tmp_path / "run" / name
    mine.write_text("# why it is so\n" + TINY.read_text())
    before = mine.read_text()
    command = arguments("fit", shards, tmp_path / "run")
    command[command.index(str(TINY))] = str(mine)
    assert main(command) == 2
    assert f"the record of the run {mine} is the configuration itself" in capsys.readouterr().err
    assert mine.read_text() == before
    assert not checkpoints(tmp_path)


def test_a_base_of_the_configuration_is_not_written_over(tmp_path, capsys):
    shards = write_tones(tmp_path)
    base, mine = tmp_path / "run" / "config.yaml", tmp_path / "mine.yaml"
    base.parent.mkdir()
    base.write_text("# why it is so\n" + TINY.read_text())
    mine.write_text("base: run/config.yaml\ntrainer: {max_steps: 2}\n")
    before = base.read_text()
    command = arguments("fit", shards, tmp_path / "run")
    command[command.index(str(TINY))] = str(mine)
    assert main(command) == 2
    assert f"the record of the run {base} is the configuration itself" in capsys.readouterr().err
    assert base.read_text() == before
    assert not checkpoints(tmp_path)


def test_a_training_does_not_begin_in_the_folder_of_another(tmp_path, capsys):
    shards = write_tones(tmp_path)
    folder = run("fit", shards, tmp_path / "run", "--trainer.max_steps=2")
    before = checkpoints(folder)
    assert before
    assert main(arguments("fit", shards, folder, "--trainer.max_steps=2", "--ckpt_path=null")) == 2
    assert "holds a training: go on with it by --ckpt_path=last" in capsys.readouterr().err
    assert checkpoints(folder) == before
