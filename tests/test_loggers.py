"""What loggers get of a run: one name over all its parts, the whole configuration, rates and sounds."""

import os
import signal
import struct
from pathlib import Path

import pytest
import yaml
from tone_shards import arguments, run, write_tones

from audio_inpaint.training.cli import main
from audio_inpaint.training.models.context_encoder import ContextEncoder

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_tones(tmp_path_factory.mktemp("shards"))


def records(file):
    """What an offline run of W&B wrote: LevelDB's log format, after a header of seven bytes."""
    from wandb.proto import wandb_internal_pb2  # a second, in every process that collects tests

    data, position, record = file.read_bytes(), 7, b""
    while position + 7 <= len(data):
        if (left := 32768 - position % 32768) < 7:
            position += left
            continue
        length, kind = struct.unpack("<4xHB", data[position : position + 7])
        record += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            found = wandb_internal_pb2.Record()
            found.ParseFromString(record)
            yield found
            record = b""


def logged(folder):
    """The configuration of an offline run by key, and the keys of its history."""
    (file,) = folder.glob("*.wandb")
    config, history = {}, set()
    for record in records(file):
        for update in (*record.run.config.update, *record.config.update):
            config[update.key or update.nested_key[0]] = yaml.safe_load(update.value_json)
        history |= {item.key or item.nested_key[0] for item in record.history.item}
    return config, history


def test_wandb_gets_one_run_over_all_parts_with_everything_that_it_follows_from(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    options = ["--trainer.logger=WandbLogger", "--trainer.logger.offline=true"]

    def stop(model, *_):
        if model.global_step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(ContextEncoder, "on_train_batch_end", stop)
        assert main(arguments("fit", shards, tmp_path / "run", *options)) == 143
    run("fit", shards, tmp_path / "run", *options)
    run("fit", shards, tmp_path / "again", *options, "--trainer.max_steps=1")

    first, second = sorted((tmp_path / "run/wandb").glob("offline-run-*"))
    (other,) = (tmp_path / "again/wandb").glob("offline-run-*")
    identity = first.name.rpartition("-")[2]
    assert second.name.rpartition("-")[2] == identity != other.name.rpartition("-")[2]
    assert identity[:8] == other.name.rpartition("-")[2][:8]  # the same settings

    config, history = logged(second)
    assert config["data"]["init_args"]["batch_size"] == 8
    assert config["model"]["init_args"]["learning_rate"] == 0.003
    assert config["seed_everything"] == 0
    assert config["trainer"]["precision"] == "32-true"
    assert {"loss", "learning_rate", "snr_ms", "spectrogram/segment_1", "audio/segment_1"} <= history
    sounds = list(second.glob("files/media/audio/audio/segment_1_*.wav"))
    assert len(sounds) == 3  # damaged, restored, true


def test_tensorboard_gets_rates_and_sounds_and_no_point_at_minus_one(shards, tmp_path):
    run("fit", shards, tmp_path, "--trainer.logger=TensorBoardLogger")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # which takes two seconds

    events = EventAccumulator(str(tmp_path), size_guidance={"audio": 0}).Reload()
    assert {"loss", "learning_rate", "snr_ms"} <= set(events.Tags()["scalars"])
    assert "hp_metric" not in events.Tags()["scalars"]
    assert {f"audio/segment_1/{title}" for title in ("damaged", "restored", "truth")} <= set(events.Tags()["audio"])
    assert yaml.safe_load((tmp_path / "hparams.yaml").read_text())["data"]["init_args"]["batch_size"] == 8


def test_a_config_does_not_bind_its_next_run_to_the_first_ones_place_at_loggers(shards, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("fit", shards, Path("one"), "--trainer.logger=TensorBoardLogger", "--trainer.max_steps=1")
    assert main(["fit", "-c", "one/config.yaml", "--trainer.default_root_dir=two"]) == 0
    assert len(list(Path("one").glob("events.*"))) == len(list(Path("two").glob("events.*"))) == 1
