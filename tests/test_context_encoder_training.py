"""The life of a training, through the command: learning, averaging, several processes, interruption, judging."""

import csv
import io
import json
import math
import os
import signal
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from alike import alike
from counted_collectives import count_collectives
from forked import Forked, in_ranks
from tone_shards import SAMPLES, arguments, run

from audio_inpaint.losses import weighted_nmse
from audio_inpaint.methods.registry import method
from audio_inpaint.nn import checkpoints
from audio_inpaint.scores.snr import magnitude_snr, snr
from audio_inpaint.training.cli import main
from audio_inpaint.training.models.context_encoder import ContextEncoder

TESTS = Path(__file__).parent
SCORES = ("snr_network", "snr_ms", "snr_td", "weighted_nmse", "validation_loss")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained(shards, tmp_path_factory):
    """The folder of a finished run."""
    return run("fit", shards, tmp_path_factory.mktemp("trained"))


def curve(folder, name):
    """What a run logged: step -> value."""
    with (folder / "metrics.csv").open() as file:
        return {int(row["step"]): float(row[name]) for row in csv.DictReader(file) if row.get(name)}


def saved(folder, name="last"):
    return torch.load(folder / f"checkpoints/{name}.ckpt", weights_only=True)


def assert_same_weights(folder, other):
    for key in ("state_dict", "current_model_state"):
        mine, others = saved(folder)[key], saved(other)[key]
        assert list(mine) == list(others)
        assert all(torch.equal(mine[name], others[name]) for name in mine)


def segments(shards, name):
    """The segments of a small set, cut by hand: five of each recording, none of them silent."""
    with tarfile.open(shards / f"{name}-000000.tar") as tar:
        files = [tar.extractfile(member).read() for member in tar if member.name.endswith(".flac")]
    audio = [soundfile.read(io.BytesIO(file), dtype="float32")[0] for file in files]
    return torch.from_numpy(np.stack(audio)).unfold(1, 1280, 1280).reshape(-1, 1280)


# ---- learning


def test_a_run_logs_draws_and_keeps_checkpoints(trained):
    assert list(curve(trained, "loss")) == list(range(8))
    for name in SCORES:
        assert list(curve(trained, name)) == [3, 7]
    pictures = {path.name for path in (trained / "reconstructions").iterdir()}
    assert pictures == {f"segment_{n}_step_000008.{kind}" for n in (1, 2) for kind in ("png", "wav")}
    assert {path.name for path in (trained / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert (trained / "config.yaml").is_file()
    assert curve(trained, "learning_rate") == pytest.approx(
        {step: 3e-3 * (0.5 + 0.5 * math.cos(math.pi * step / 8)) for step in range(8)}
    )


def test_validation_scores_rise_over_those_of_a_network_that_does_not_learn(trained, shards, tmp_path):
    idle = run("fit", shards, tmp_path, "--model.init_args.learning_rate=0", "--trainer.max_steps=4")
    for name in ("snr_network", "snr_ms"):
        before, after = curve(idle, name)[3], curve(trained, name)[7]
        assert after > before + 2, name


def test_what_is_validated_saved_and_loaded_are_the_averaged_weights(shards, tmp_path, monkeypatch):
    seen = []

    def note(model, *_):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})

    monkeypatch.setattr(ContextEncoder, "on_train_batch_end", note)
    run("fit", shards, tmp_path)
    best = saved(tmp_path, "best")
    step = best["global_step"]
    average = {name: value for name, value in seen[0].items() if value.is_floating_point()}
    for weights in seen[1:step]:
        average = {name: 0.5 * average[name] + 0.5 * weights[name] for name in average}
    assert any(name.endswith("running_var") for name in average)
    for name in average:
        assert torch.allclose(best["state_dict"][name], average[name], atol=1e-6), name
        assert torch.equal(best["current_model_state"][name], seen[step - 1][name]), name

    inpainter, held_out = checkpoints.load(tmp_path / "checkpoints/best.ckpt"), segments(shards, "validation")
    spectrum, level = inpainter.known(held_out)
    loss = weighted_nmse(inpainter(spectrum / level), inpainter.target(held_out) / level.unsqueeze(1))
    assert loss.mean().item() == pytest.approx(curve(tmp_path, "validation_loss")[step - 1], rel=1e-4)


# ---- several processes

# Without blocks the network has no batch norm, whose means and variances would be each process's own: PyTorch
# synchronises them on GPUs alone. 13 segments are shared as 7 and 6, and the 5 restored ones as 3 and 2.
EXACT = (
    "--model.init_args.net.init_args.blocks=0",
    "--model.init_args.net.init_args.depth=0",
    "--data.init_args.validation_segments=13",
)


def test_two_processes_learn_and_are_judged_as_one(shards, tmp_path):
    one, two = run("fit", shards, tmp_path / "one", *EXACT), tmp_path / "two"
    run("test", shards, one, *EXACT)
    printed = b""
    for command in ("fit", "test"):
        line = arguments(command, shards, two, *EXACT, "--trainer.devices=2")
        for done in in_ranks("audio_inpaint.train", *line):
            assert done.returncode == 0, done.stderr
            assert "warn" not in done.stderr.lower()
            printed += done.stdout
    assert printed.count(b"SNR_MS") == 1
    for name in ("loss", *SCORES):
        assert curve(two, name) == pytest.approx(curve(one, name), rel=1e-4), name
    mine, others = (list(csv.reader((folder / "test.csv").open())) for folder in (one, two))
    assert mine[0] == others[0]
    assert [row[:2] for row in mine[1:3]] == [["magnitude", "13"], ["burg", "13"]]
    for row, other in zip(mine[1:], others[1:], strict=True):
        assert row[:2] == other[:2]
        assert [float(value) for value in row[2:]] == pytest.approx([float(value) for value in other[2:]], abs=1e-3)


def test_processes_wait_for_each_other_where_something_is_logged_or_saved_alone(shards, tmp_path):
    settled = ("--trainer.max_steps=20", "--data.init_args.steps=20", "--trainer.log_every_n_steps=10")
    line = arguments("fit", shards, tmp_path, *settled, "--trainer.devices=2", "--trainer.callbacks=[]")
    done, other = in_ranks("audio_inpaint.train", *line, prepare=count_collectives)
    assert done.returncode == other.returncode == 0, done.stderr + other.stderr
    waits = {int(step): counts for step, counts in json.loads(done.stdout.splitlines()[-1]).items()}
    assert waits[9]["all_reduce"] >= 1  # the loss of the tenth step is everybody's
    between = sum((Counter(waits.get(step)) for step in range(1, 9)), Counter())
    # whether a signal came is asked about once a second: Lightning reduces by one of each
    assert set(between) <= {"barrier", "all_reduce"}
    assert max(between.values(), default=0) <= 2


def test_an_accelerated_training_is_that_of_a_plain_one(shards, tmp_path):
    plain = run("fit", shards, tmp_path / "plain", "--trainer.max_steps=3")
    option = ["--trainer.callbacks+=audio_inpaint.training.acceleration.Accelerate"]
    fast = run(
        "fit", shards, tmp_path / "fast", "--trainer.max_steps=3", *option, "--trainer.callbacks.backend=aot_eager"
    )
    assert saved(fast)["state_dict"].keys() == saved(plain)["state_dict"].keys()
    assert curve(fast, "loss") == pytest.approx(curve(plain, "loss"), rel=1e-4)
    assert torch.get_float32_matmul_precision() == "highest"


# ---- interruption


def stopping(monkeypatch, step, stop):
    def at(model, *_):
        if model.global_step == step:
            stop()

    monkeypatch.setattr(ContextEncoder, "on_train_batch_end", at)


def test_a_killed_run_goes_on_by_the_same_command_to_the_same_weights(trained, shards, tmp_path, monkeypatch, capfd):
    options = ["--data.init_args.workers=1"]
    with monkeypatch.context() as patch:
        stopping(patch, 5, lambda: os.kill(os.getpid(), signal.SIGKILL))
        killed = Forked("audio_inpaint.train", *arguments("fit", shards, tmp_path, *options)).wait()
    assert killed.returncode == -signal.SIGKILL
    assert saved(tmp_path)["global_step"] == 3
    capfd.readouterr()

    run("fit", shards, tmp_path, *options)

    said, *steps = capfd.readouterr().err.splitlines()
    assert said == f"{tmp_path}: goes on from step 3"
    assert [line.split(",")[0] for line in steps] == [f"fit: step {step} of 8" for step in range(4, 9)]
    assert_same_weights(tmp_path, trained)
    assert saved(tmp_path, "best")["global_step"] == saved(trained, "best")["global_step"]
    for name in ("loss", *SCORES):
        assert curve(tmp_path, name) == curve(trained, name)


def test_ctrl_c_is_one_line_and_the_same_command_goes_on(trained, shards, tmp_path, monkeypatch, capfd):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which Python has not where a shell ignores Ctrl-C
    with monkeypatch.context() as patch:
        stopping(patch, 4, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert main(arguments("fit", shards, tmp_path)) == 130
    captured = capfd.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[-1] == "audio_inpaint.train: interrupted; the same command goes on from step 4"
    assert all(line.startswith("fit: step ") for line in lines[:-1])
    assert_same_weights(run("fit", shards, tmp_path), trained)


def test_a_finished_run_is_not_repeated_and_goes_on_for_more_steps(shards, tmp_path, capfd):
    steady = "--model.init_args.schedule=drop"
    whole, part = tmp_path / "whole", tmp_path / "part"
    run("fit", shards, whole, steady, "--trainer.max_steps=7")
    for steps in (4, 5):  # at the end of an epoch, and within one
        run("fit", shards, part, steady, f"--trainer.max_steps={steps}")
    capfd.readouterr()
    run("fit", shards, part, steady, "--trainer.max_steps=5")
    assert capfd.readouterr().err == "fit: already trained 5 of 5 steps\n"
    run("fit", shards, part, steady, "--trainer.max_steps=7")
    assert_same_weights(part, whole)
    for name in ("loss", *SCORES):
        assert curve(part, name) == curve(whole, name)


# ---- judging a trained network


def test_the_test_scores_network_and_rivals_on_the_same_segments(trained, shards, capfd):
    kept = {path: path.read_bytes() for path in trained.iterdir() if path.suffix in (".csv", ".yaml")}
    run("test", shards, trained, "--ckpt_path=best")
    printed, said = capfd.readouterr()
    with (trained / "test.csv").open() as file:
        rows = {row.pop("method"): {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)}

    inpainter, truth = checkpoints.load(trained / "checkpoints/best.ckpt"), segments(shards, "test")
    lost, restored = inpainter.segment.lost, inpainter.restore(truth)
    burg = alike(method("burg"))
    rival = torch.cat([burg(x[None].double(), lost, 16000) for x in truth])
    others = {"burg": rival}
    for share in (0.5, 1.0):
        others[f"burg, {share:.0%} magnitude"] = inpainter.improve(rival.float(), share=share).double()
    assert list(rows) == ["magnitude", *others]
    for name, score in (("snr_ms", lambda *x: magnitude_snr(*x, 128, 32)), ("snr_td", snr)):
        own = score(restored, truth, lost)
        expected = {"magnitude": [own.mean(), own.std(correction=0), 0, 0]}
        for other, audio in others.items():
            scores = score(audio, truth.double(), lost)
            ahead = own - scores
            error = ahead.std() / math.sqrt(len(truth))
            expected[other] = [scores.mean(), scores.std(correction=0), ahead.mean(), error]
        for one, values in expected.items():
            found = [rows[one][f"{name}{kind}"] for kind in ("", "_std", "_ahead", "_error")]
            assert found == pytest.approx([float(value) for value in values], abs=0.02)
    assert rows["burg"]["segments"] == len(truth) == 3 * SAMPLES // 1280

    heads, network, burg_line, *improved, note = printed.splitlines()
    assert len({len(line) for line in (heads, network, burg_line, *improved)}) == 1
    assert f"{rows['burg']['snr_td']:.2f}" in burg_line
    assert "standard error" in note
    assert said == ""
    assert {path: path.read_bytes() for path in kept} == kept


def test_validation_repeats_the_scores_of_the_training(trained, shards, capfd):
    run("validate", shards, trained, "--ckpt_path=last")
    printed, said = capfd.readouterr()
    for name in SCORES:
        (line,) = [line for line in printed.splitlines() if name in line]
        assert float(line.split()[-1]) == pytest.approx(curve(trained, name)[7], rel=1e-5)
    assert said == ""


def test_prediction_draws_and_sounds_restored_test_segments(trained, shards, capfd):
    run("predict", shards, trained, "--model.init_args.shown=3")
    assert capfd.readouterr() == ("", "")
    inpainter, truth = checkpoints.load(trained / "checkpoints/last.ckpt"), segments(shards, "test")
    restored = inpainter.restore(truth)
    for number in (1, 2, 3):
        path = trained / f"reconstructions/segment_{number}.wav"
        sound = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
        assert (restored - sound).abs().amax(1).min() < 1e-4
        assert path.with_suffix(".png").stat().st_size > 10_000
    assert not (trained / "reconstructions/segment_4.wav").exists()


def test_what_was_never_trained_is_not_judged(shards, tmp_path, capfd):
    for command in ("validate", "test", "predict"):
        assert main(arguments(command, shards, tmp_path)) == 2
        assert "train by fit first" in capfd.readouterr().err
