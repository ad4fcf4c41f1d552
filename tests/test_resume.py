import csv
import json
import math
import os
import signal

import lightning
import numpy as np
import pytest
import torch
from tiny_fits import RATE, SPANS, TINY, Watch, damaged, recipe, sound, store

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.training.cli import InpaintCLI, main
from audio_inpaint.training.deep_prior_fit import fit
from audio_inpaint.training.models.deep_prior import DeepPrior
from audio_inpaint.training.resume import Curves

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]


class Stop(lightning.Callback):
    def __init__(self, step, kill=False):
        self.step, self.kill = step, kill

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt


class Configured(InpaintCLI):
    """The command's own recipe, for a fit that this test runs."""

    def __init__(self, *overrides, config=TINY):
        super().__init__(["deep_prior", "-c", str(config), *overrides])

    def deep_prior(self, **_):
        pass

    def stopped(self, step, kill):
        def fresh(folder, seed):
            trainer, model, data = self.fresh(folder, seed)
            trainer.callbacks.append(Stop(step, kill))
            return trainer, model, data

        return fresh


def curves(path):
    return [[float(value or "nan") for value in row.values()] for row in csv.DictReader(path.open())]


# checkpoints at the validations, at steps 4 and 8, or between them, at 3, 6 and 9
@pytest.mark.parametrize(
    ("step", "kill", "often"),
    [
        (7, True, "every_n_epochs: 1"),
        (11, False, "every_n_epochs: 1"),
        (8, True, "every_n_train_steps: 3"),
    ],
)
def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path, step, kill, often):
    region, place, config = damaged(sound(2), *SPANS), tmp_path / "part", tmp_path / "config.yaml"
    config.write_text(TINY.read_text().replace("every_n_epochs: 1", often))
    cli = Configured("--trainer.max_steps=12", "--data.validate_every=4", config=config)
    expected = fit(cli.fresh, tmp_path / "whole", *region)

    if kill:
        if not (child := os.fork()):
            fit(cli.stopped(step, True), place, *region)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    else:
        with pytest.raises(KeyboardInterrupt):
            fit(cli.stopped(step, False), place, *region)
    assert (place / "fit.ckpt").is_file()
    assert not (place / "network.wav").exists()
    output = fit(cli.fresh, place, *region)

    assert torch.equal(output, expected)
    assert np.array_equal(curves(place / "metrics.csv"), curves(tmp_path / "whole/metrics.csv"), equal_nan=True)
    assert not (place / "fit.ckpt").exists()


def test_the_times_of_an_interrupted_fit_and_of_what_goes_on_add_up(tmp_path, monkeypatch):
    source, out = store(tmp_path / "in.wav", damaged(sound(), *SPANS).audio), tmp_path / "out"
    arguments = ["deep_prior", "-c", str(TINY), "--input", source, "--output", str(out), "--gaps", "1500:1700"]

    def stop(model, *_):
        if model.global_step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(DeepPrior, "on_train_batch_end", stop)
        assert main(arguments) == 143
    checkpoint = torch.load(out / "in/fit.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 5
    assert 0 < checkpoint["callbacks"]["Elapsed"]["seconds"] < 600
    checkpoint["callbacks"]["Elapsed"]["seconds"] += 1000  # as if it had taken so long
    torch.save(checkpoint, out / "in/fit.ckpt")

    for _ in range(2):  # to the end, and once more with everything done
        assert main(arguments) == 0
        assert 1000 < json.loads((out / "in/scores.json").read_text())["seconds"] < 1600


def test_a_fit_ends_where_the_loss_is_the_wanted_share_of_silences(tmp_path):
    region, losses = damaged(sound(), *SPANS), {}
    fixed = "--model.init_args.multi_scale_weight=0", "--data.init_args.withheld_stretches=0"
    for enough in (1.15, 0.0):
        place = tmp_path / str(enough)
        fit(Configured(*fixed, f"--model.init_args.enough={enough}").fresh, place, *region)
        rows = csv.DictReader((place / "metrics.csv").open())
        losses[enough] = [float(row["loss"]) for row in rows if row["loss"]]
    stft = STFT.at(RATE, 256, 64)
    power = region.audio[:, ~region.gap].square().mean() * stft.window_energy  # level 1: it becomes 1
    frames = stft(region.audio).abs().square() * ~stft.touched(region.gap)
    silence = (frames.mean() + region.audio.square().mean() * stft.window_energy).item() / power.item()
    assert len(losses[1.15]) < len(losses[0.0]) == 8
    assert losses[1.15] == losses[0.0][: len(losses[1.15])]
    assert losses[1.15][-1] < 1.15 * silence <= min(losses[1.15][:-1])


def test_a_finished_fit_is_read_and_not_done_again(tmp_path):
    region, watch = damaged(sound(), *SPANS), Watch()
    first = fit(recipe(), tmp_path, *region)
    again = fit(recipe(callbacks=[watch]), tmp_path, *region)
    assert torch.equal(first, again)
    assert not watch.logged


def test_checkpoints_hold_nothing_but_plain_data(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(Configured().stopped(5, False), tmp_path, *damaged(sound(), *SPANS))
    assert torch.load(tmp_path / "fit.ckpt", weights_only=True)["global_step"] == 3


def test_results_of_another_configuration_are_refused(tmp_path):
    region = damaged(sound(), *SPANS)
    fit(Configured().fresh, tmp_path, *region)
    for option in ("--trainer.max_steps=9", "--model.level=2.0", "--model.net.filters=[2,2,5]", "--seed_everything=1"):
        with pytest.raises(InputError, match="another signal or configuration"):
            fit(Configured(option).fresh, tmp_path, *region)


@pytest.mark.parametrize("change", ["gaps", "samples", "withheld"])
def test_results_of_another_signal_are_refused(tmp_path, change):
    region = damaged(sound(), *SPANS)
    fit(recipe(), tmp_path, *region)
    changed = {
        "gaps": (recipe(), damaged(sound(), *SPANS, (3000, 3100))),
        "samples": (recipe(), region._replace(audio=region.audio * 0.9)),
        "withheld": (recipe(data={"seed": 5}), region),
    }
    with pytest.raises(InputError, match="another signal or configuration"):
        fit(changed[change][0], tmp_path, *changed[change][1])


def test_curves_are_read_back_as_they_were_logged(tmp_path):
    source = store(tmp_path / "in.wav", damaged(sound(), *SPANS).audio)
    arguments = ["deep_prior", "-c", str(TINY), "--input", source, "--output", str(tmp_path / "out")]
    assert main([*arguments, "--gaps", "1500:1700"]) == 0
    rows = list(csv.DictReader((tmp_path / "out/in/metrics.csv").open()))
    assert [int(row["step"]) for row in rows if row["loss"]] == list(range(8))
    assert [int(row["step"]) for row in rows if row["snr"]] == [2, 5]


def test_curves_of_a_run_that_goes_on_continue_those_before_its_first_step(tmp_path):
    before = Curves(tmp_path)
    for step in range(6):
        before.log_metrics({"loss": float(step)}, step)
    before.save()
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("6.0,")  # killed while writing

    after = Curves(tmp_path, go_on=True)
    for step in (4, 5):
        after.log_metrics({"loss": 10.0 + step, "snr": 1.0}, step)
    after.finalize("success")

    rows = [line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()]
    assert rows[0] == ["loss", "snr", "step"]
    assert [row[0] for row in rows[1:]] == ["0.0", "1.0", "2.0", "3.0", "14.0", "15.0"]


def test_curves_of_a_new_run_replace_the_old_ones(tmp_path):
    for value in (1.0, 2.0):
        curves = Curves(tmp_path)
        curves.log_metrics({"loss": value}, 0)
        curves.finalize("success")
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["loss,step", "2.0,0"]


def test_curves_are_on_disk_when_a_checkpoint_is(tmp_path):
    curves = Curves(tmp_path)
    curves.log_metrics({"loss": math.pi}, 0)
    curves.after_save_checkpoint(None)
    assert "3.14" in (tmp_path / "metrics.csv").read_text()
