"""Everything that computes on a GPU, for a few steps on a real one: `python -m pytest -m cuda`."""

import pytest
import torch
from signals import noise
from test_deep_prior_files import TINY
from tone_shards import run, write_tones

import audio_inpaint
from audio_inpaint.files.recording import read, write
from audio_inpaint.training.cli import main

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")]

RATE, GAPS = 16000, [(8000, 8800)]
ON_GPU = ("--trainer.accelerator=gpu", "--trainer.devices=1", "--trainer.precision=bf16-mixed")
PICTURES = "audio_inpaint.training.callbacks.Spectrograms"


@pytest.mark.parametrize("name", ["dpai_fast:steps=3", "ce_music", "ce_music_complex", "caw:epochs=1,width=4"])
def test_a_method_restores_on_the_gpu(name):
    audio = noise(RATE, channels=2).float()
    torch.cuda.reset_peak_memory_stats()
    repaired = audio_inpaint.repair(audio, GAPS, RATE, name, device="cuda").audio
    assert torch.cuda.max_memory_allocated() > 0
    assert repaired.isfinite().all()
    assert torch.equal(repaired[:, :8000], audio[:, :8000])
    assert not torch.equal(repaired[:, 8000:8800], audio[:, 8000:8800])


def test_a_context_encoder_learns_is_tested_and_predicts_on_the_gpu(tmp_path):
    shards = tmp_path / "shards"
    shards.mkdir()
    write_tones(shards)
    for command in ("fit", "validate", "test", "predict"):
        run(command, shards, tmp_path / "run", *ON_GPU)
    assert (tmp_path / "run" / "test.csv").is_file()


@pytest.mark.parametrize("form", ["time", "columns"])
@pytest.mark.parametrize("logger", [None, "TensorBoardLogger"])
def test_a_deep_prior_is_fitted_judged_and_shown_on_the_gpu(tmp_path, form, logger):
    damaged = tmp_path / "damaged.wav"
    write(damaged, noise(RATE, channels=2).float(), RATE, "FLOAT")
    line = ["deep_prior", "-c", str(TINY), "--input", str(damaged), "--output", str(tmp_path / "out"), *ON_GPU]
    line += ["--gaps", "8000:8800", f"--data.init_args.form={form}", "--trainer.callbacks+=" + PICTURES]
    line += ["--trainer.callbacks.every=3", *([f"--trainer.logger={logger}"] if logger else [])]
    assert main(line) == 0
    assert read(tmp_path / "out" / "damaged.wav")[0].isfinite().all()
    assert list((tmp_path / "out").rglob("*.png"))


def test_a_step_of_a_deep_prior_makes_nobody_wait():
    from audio_inpaint.methods.deep_prior.config import Config

    config = Config.load("dpai_fast").changed(steps=3, enough=0.0)
    signal = config.signal(noise(RATE).float(), torch.arange(RATE).div(800, rounding_mode="floor") == 10, RATE)
    fit = config.fit(signal.to("cuda"))
    fit._step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        fit._step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
