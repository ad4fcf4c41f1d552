import csv
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lightning
import numpy as np
import pytest
import soundfile
import torch

from audio_inpaint.data.single import SingleSignal
from audio_inpaint.deep_prior import Files, column_scores, fit, time_scores
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.inference import Region
from audio_inpaint.methods import method, names
from audio_inpaint.methods.deep_prior import DeepPrior as Method
from audio_inpaint.methods.deep_prior import presets
from audio_inpaint.models.deep_prior import DeepPrior
from audio_inpaint.nn.multires_unet import MultiResUNet
from audio_inpaint.train import InpaintCLI, main

RATE = 8000
TINY = Path(__file__).parent / "tiny.yaml"
SPANS = (1500, 1700), (2600, 2740)

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _one_thread():
    before, handler = torch.get_num_threads(), signal.getsignal(signal.SIGINT)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    signal.signal(signal.SIGINT, handler)  # Lightning ignores it for good once a run is interrupted


def sound(channels=1, length=4000):
    time = torch.arange(length, dtype=torch.float64) / RATE
    tones = [
        0.3 * torch.sin(2 * math.pi * (300 + 90 * c) * time) + 0.1 * torch.sin(7000 * time) for c in range(channels)
    ]
    return torch.stack(tones)


def damaged(audio, *spans, fill=0.0):
    gap = gap_mask([Gap(*span) for span in spans], audio.shape[-1])
    channels = tuple(range(len(audio)))
    return Region(0, channels, torch.where(gap, fill, audio), gap, tuple(Gap(*s) for s in spans), RATE)


def recipe(steps=4, callbacks=(), data=None, validate_every=2, **options):
    """What makes the parts of a fit, as a command's `fresh` does."""

    def fresh(folder, seed):
        torch.manual_seed(seed)
        net = MultiResUNet(filters=[2, 2, 4], skip_channels=4, depth=2)
        settings = {"n_fft": 256, "hop_length": 64, "level": 1.0, "seed": seed, **options, "net": net}
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=steps,
            max_epochs=-1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
            callbacks=list(callbacks),
        )
        return trainer, DeepPrior(**settings), SingleSignal(validate_every=validate_every, **(data or {}))

    return fresh


class Watch(lightning.Callback):
    """Keeps what the trainer logged and the outputs of the network at each step."""

    def __init__(self):
        self.logged, self.spectra, self.scores = [], [], []

    def on_train_start(self, trainer, pl_module):
        pl_module.net.register_forward_hook(lambda net, inputs, output: self.spectra.append(output.detach().clone()))

    def on_train_batch_end(self, trainer, *_):
        self.logged.append({name: float(value) for name, value in trainer.logged_metrics.items()})

    def on_validation_end(self, trainer, pl_module):
        self.scores.append(float(trainer.logged_metrics.get("snr", math.nan)))


# -- what the fit may see ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("junk", "withheld"), [(math.nan, 1), (-math.inf, 0), (1e20, 1), ("noise", 1), ("noise", 0)])
def test_lost_samples_change_no_bit_of_the_fit(tmp_path, junk, withheld):
    audio = sound(2)
    fill = torch.randn(audio.shape, dtype=torch.float64) if junk == "noise" else junk
    fresh = recipe(data={"withheld_stretches": withheld})

    clean = fit(fresh, tmp_path / "a", damaged(audio, *SPANS))
    other = fit(fresh, tmp_path / "b", damaged(audio, *SPANS, fill=fill))

    assert clean.isfinite().all()
    assert torch.equal(clean, other)


def test_withheld_samples_change_no_bit_of_the_fit(tmp_path):
    region, data = damaged(sound(), *SPANS), SingleSignal(withheld_stretches=2)
    data.load(region.audio, region.gap, RATE)
    withheld = data.signal.withheld
    assert withheld.any()
    changed = torch.where(withheld, -3 * region.audio + 0.5, region.audio)
    fresh = recipe(data={"withheld_stretches": 2})

    outputs = [
        fit(fresh, tmp_path / name, replace(region, audio=x)) for name, x in (("a", region.audio), ("b", changed))
    ]

    assert torch.equal(*outputs)


def test_a_known_sample_does_change_the_fit(tmp_path):
    region = damaged(sound(), *SPANS)
    changed = region.audio.clone()
    changed[:, 200] += 0.1

    outputs = [fit(recipe(), tmp_path / n, replace(region, audio=x)) for n, x in (("a", region.audio), ("b", changed))]

    assert not torch.equal(*outputs)


def test_the_truth_changes_no_bit_of_the_fit(tmp_path):
    region, truth = damaged(sound(), *SPANS), sound()
    wrong = torch.where(region.gap, 0.7, truth)

    outputs = [fit(recipe(), tmp_path / name, region, truth=x) for name, x in (("a", truth), ("b", wrong))]

    assert torch.equal(*outputs)


def test_samples_that_no_observed_column_covers_change_no_bit_of_a_columns_fit(tmp_path):
    audio, fresh = sound(), recipe(data={"form": "columns"})
    region, stft = damaged(audio, (1500, 2100)), STFT.at(RATE, 256, 64)
    core = ~stft.covered(~stft.centred(region.gap), audio.shape[-1])
    assert 0 < core.sum() < region.gap.sum()
    changed = torch.where(core, 2 - 5 * audio, audio)

    outputs = [fit(fresh, tmp_path / name, region, truth=x) for name, x in (("a", audio), ("b", changed))]

    assert torch.equal(*outputs)


def test_samples_under_an_observed_column_do_change_a_columns_fit(tmp_path):
    audio, fresh = sound(), recipe(data={"form": "columns"})
    region, changed = damaged(audio, (1500, 2100)), audio.clone()
    changed[:, 1505] += 0.1  # in the gap, and known all the same: why this form's scores are kept apart

    outputs = [fit(fresh, tmp_path / name, region, truth=x) for name, x in (("a", audio), ("b", changed))]

    assert not torch.equal(*outputs)


# -- the result -------------------------------------------------------------------------------------------------------


def test_averaging_is_the_exponential_mean_of_the_outputs(tmp_path):
    watch, region = Watch(), damaged(sound(), *SPANS)

    output = fit(recipe(steps=5, callbacks=[watch], averaging=0.7, validate_every=100), tmp_path, region)

    spectra = watch.spectra[:5]
    weights = [0.7 ** (4 - step) for step in range(5)]
    mean = sum(w * s.double() for w, s in zip(weights, spectra, strict=True)) / sum(weights)
    stft = STFT.at(RATE, 256, 64)
    spectrum = torch.zeros(1, 65, mean.shape[-1], dtype=torch.complex128)
    spectrum[:, :64] = torch.complex(mean[:, 0], mean[:, 1])
    data = SingleSignal()
    data.load(region.audio, region.gap, RATE)
    power = region.audio[:, ~data.signal.lost].square().mean() * stft.window.square().sum()
    expected = stft.inverse(spectrum, 4000) * power.sqrt()
    assert torch.allclose(output.double(), expected, atol=1e-5 * expected.abs().max().item())


def test_without_averaging_the_result_is_the_last_output_from_unperturbed_noise(tmp_path):
    watch = Watch()
    output = fit(recipe(callbacks=[watch], level=None), tmp_path, damaged(sound(), *SPANS))
    last = watch.spectra[-1]
    spectrum = torch.zeros(1, 65, last.shape[-1], dtype=torch.complex64)
    spectrum[:, :64] = torch.complex(last[:, 0], last[:, 1])
    assert torch.allclose(output, STFT.at(RATE, 256, 64).inverse(spectrum, 4000), atol=1e-6)


def test_seeds_give_the_mean_of_fits_from_different_noise(tmp_path):
    region = damaged(sound(), *SPANS)

    both = fit(recipe(), tmp_path / "both", region, seeds=2)

    first, second = (soundfile.read(tmp_path / f"both/seed_{seed}/network.wav", dtype="float32")[0] for seed in (0, 1))
    assert not np.allclose(first, second, atol=1e-3)
    assert np.allclose(both.numpy()[0], (first + second) / 2, atol=1e-7)
    assert np.array_equal(first, fit(recipe(), tmp_path / "one", region).numpy()[0])


def test_with_a_level_the_result_follows_the_signal_up_and_down(tmp_path):
    quiet, loud = (fit(recipe(), tmp_path / str(gain), damaged(gain * sound(), *SPANS)) for gain in (1, 8))
    assert torch.equal(loud, 8 * quiet)  # powers of two round alike


@pytest.mark.parametrize("level", [None, 1.0])
def test_silence_around_a_gap_gives_numbers(tmp_path, level):
    silence = torch.zeros(1, 4000, dtype=torch.float64)
    assert fit(recipe(level=level), tmp_path, damaged(silence, *SPANS)).isfinite().all()


@pytest.mark.parametrize("fold", [2, 3])
def test_folded_frames_fit_signals_of_any_length(tmp_path, fold):
    for length in (3000, 3031):
        output = fit(recipe(steps=2, fold=fold), tmp_path / str(length), damaged(sound(2, length), *SPANS))
        assert output.shape == (2, length)


def test_steps_come_nearer_to_the_known_samples(tmp_path):
    region = damaged(sound(), *SPANS)
    watch = Watch()
    fit(recipe(steps=60, validate_every=60, callbacks=[watch], learning_rate=0.02), tmp_path, region)
    losses = [logged["loss/samples"] for logged in watch.logged]
    assert max(losses[-10:]) < 0.8 * min(losses[:3])


# -- validation -------------------------------------------------------------------------------------------------------


def test_the_validation_scores_the_gaps_by_the_truth(tmp_path):
    watch, truth = Watch(), sound()
    output = fit(recipe(callbacks=[watch]), tmp_path, damaged(truth, *SPANS), truth=truth)
    lost = torch.cat([torch.arange(*span) for span in SPANS])
    error = (output.double() - truth)[:, lost].square().sum() / truth[:, lost].square().sum()
    assert len(watch.scores) == 2
    assert watch.scores[-1] == pytest.approx(-10 * math.log10(error), abs=0.01)


def test_without_the_truth_the_validation_scores_withheld_samples_and_without_those_nothing(tmp_path):
    watch, blind, region = Watch(), Watch(), damaged(sound(), *SPANS)
    output = fit(recipe(callbacks=[watch]), tmp_path / "a", region)
    data = SingleSignal()
    data.load(region.audio, region.gap, RATE)
    where = data.signal.withheld
    error = (output.double() - region.audio)[:, where].square().sum() / region.audio[:, where].square().sum()
    assert watch.scores[-1] == pytest.approx(-10 * math.log10(error), abs=0.01)

    fit(recipe(callbacks=[blind], data={"withheld_stretches": 0}), tmp_path / "b", region)
    assert all(math.isnan(score) for score in blind.scores)
    assert {"loss", "loss/spectrogram", "loss/samples", "loss/phase"} <= set(blind.logged[-1])


# -- going on ---------------------------------------------------------------------------------------------------------


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
        (1, False, "every_n_epochs: 1"),
        (7, True, "every_n_epochs: 1"),
        (11, False, "every_n_epochs: 1"),
        (8, True, "every_n_train_steps: 3"),
    ],
)
def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path, step, kill, often):
    region, place, config = damaged(sound(2), *SPANS), tmp_path / "part", tmp_path / "config.yaml"
    config.write_text(TINY.read_text().replace("every_n_epochs: 1", often))
    cli = Configured("--trainer.max_steps=12", "--data.validate_every=4", config=config)
    expected = fit(cli.fresh, tmp_path / "whole", region)

    if kill:
        if not (child := os.fork()):
            fit(cli.stopped(step, True), place, region)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    else:
        with pytest.raises(KeyboardInterrupt):
            fit(cli.stopped(step, False), place, region)
    assert (place / "fit.ckpt").is_file() == (step > 4)
    assert not (place / "network.wav").exists()
    output = fit(cli.fresh, place, region)

    assert torch.equal(output, expected)
    assert np.array_equal(curves(place / "metrics.csv"), curves(tmp_path / "whole/metrics.csv"), equal_nan=True)
    assert not (place / "fit.ckpt").exists()


def test_a_finished_fit_is_read_and_not_done_again(tmp_path):
    region, watch = damaged(sound(), *SPANS), Watch()
    first = fit(recipe(), tmp_path, region)
    again = fit(recipe(callbacks=[watch]), tmp_path, region)
    assert torch.equal(first, again)
    assert not watch.logged


def test_checkpoints_hold_nothing_but_plain_data(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(Configured().stopped(5, False), tmp_path, damaged(sound(), *SPANS))
    assert torch.load(tmp_path / "fit.ckpt", weights_only=True)["global_step"] == 3


def test_results_of_another_configuration_are_refused(tmp_path):
    region = damaged(sound(), *SPANS)
    fit(Configured().fresh, tmp_path, region)
    for option in ("--trainer.max_steps=9", "--model.level=2.0", "--model.net.filters=[2,2,5]", "--seed_everything=1"):
        with pytest.raises(InputError, match="another signal or configuration"):
            fit(Configured(option).fresh, tmp_path, region)


@pytest.mark.parametrize("change", ["gaps", "samples", "withheld"])
def test_results_of_another_signal_are_refused(tmp_path, change):
    region = damaged(sound(), *SPANS)
    fit(recipe(), tmp_path, region)
    changed = {
        "gaps": (recipe(), damaged(sound(), *SPANS, (3000, 3100))),
        "samples": (recipe(), replace(region, audio=region.audio * 0.9)),
        "withheld": (recipe(data={"seed": 5}), region),
    }
    with pytest.raises(InputError, match="another signal or configuration"):
        fit(changed[change][0], tmp_path, changed[change][1])


# -- files ------------------------------------------------------------------------------------------------------------


def store(path, audio, subtype="PCM_16"):
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, audio.T.numpy(), RATE, subtype=subtype)
    return str(path)


def load(path):
    return soundfile.read(path, always_2d=True)[0].T


def restore(fresh, source, output, gaps, **options):
    _, model, data = fresh(output, 0)
    files = Files(model, data, str(source), str(output), gaps, **options)
    files.judge(files.run(fresh))
    return files


def test_known_samples_of_a_file_come_back_bit_for_bit_with_channels_of_their_own_gaps(tmp_path):
    source = store(tmp_path / "in.wav", sound(2))
    (tmp_path / "gaps.csv").write_text("start,end,channel\n0.2,0.23,1\n0.3,0.32,1\n0.25,0.27,2\n")

    restore(recipe(), source, tmp_path / "out", str(tmp_path / "gaps.csv"), whole=True)

    before, after = load(source), load(tmp_path / "out/in.wav")
    gap = np.zeros(before.shape, dtype=bool)
    gap[0, 1600:1840] = gap[0, 2400:2560] = gap[1, 2000:2160] = True
    assert np.array_equal(before[~gap], after[~gap])
    assert (before[gap] != after[gap]).mean() > 0.9
    assert {path.name for path in (tmp_path / "out/in").iterdir()} >= {
        "from_0.000s_ch1",
        "from_0.000s_ch2",
        "report.html",
    }
    whole = load(tmp_path / "out/in/in.network.wav")
    assert np.array_equal(whole[gap], after[gap])
    assert (whole != before)[~gap].mean() > 0.9


def test_the_context_crops_what_is_fitted(tmp_path):
    source = store(tmp_path / "in.wav", sound(1, 8000))

    restore(recipe(), source, tmp_path / "out", "2000:2100,2300:2400,6000:6100", context=0.1)

    lengths = {p.parent.name: soundfile.info(p).frames for p in (tmp_path / "out/in").glob("*/network.wav")}
    assert lengths == {"from_0.150s": 2000, "from_0.650s": 1700}
    changed = np.flatnonzero((load(source) != load(tmp_path / "out/in.wav")).any(0))
    lost = np.r_[2000:2100, 2300:2400, 6000:6100]
    assert set(changed) <= set(lost)
    assert len(changed) > 0.9 * len(lost)


def test_each_rank_restores_its_own_files(tmp_path):
    for name in "abcde":
        store(tmp_path / "in" / f"{name}.wav", sound())
    _, model, data = recipe()(tmp_path, 0)
    files = Files(model, data, str(tmp_path / "in"), str(tmp_path / "out"), "1500:1700")

    for rank in (2, 0):
        assert files.run(recipe(steps=1), rank, 3) == []

    assert sorted(p.name for p in (tmp_path / "out").glob("*.wav")) == ["a.wav", "c.wav", "d.wav"]


def test_a_file_that_fails_leaves_the_others(tmp_path, capsys):
    store(tmp_path / "in/a.wav", sound())
    (tmp_path / "in/b.wav").write_text("no audio")
    store(tmp_path / "in/c.wav", sound())

    with pytest.raises(InputError, match=r"1 of 3 files not restored: .*b\.wav"):
        restore(recipe(steps=1), tmp_path / "in", tmp_path / "out", "1500:1700")

    assert "b.wav cannot be read as audio" in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path / "out").glob("*.wav")) == ["a.wav", "c.wav"]


def test_what_would_fail_in_the_end_is_refused_before_the_fit(tmp_path):
    source, watch = store(tmp_path / "in.wav", sound()), Watch()
    with pytest.raises(InputError, match="is the input itself"):
        restore(recipe(callbacks=[watch]), source, tmp_path, "1500:1700")
    store(tmp_path / "twins/x.wav", sound())
    store(tmp_path / "twins/x.flac", sound())
    with pytest.raises(InputError, match="share a folder"):
        restore(recipe(callbacks=[watch]), tmp_path / "twins", tmp_path / "out", "1500:1700")
    assert not watch.logged


@pytest.mark.parametrize("options", [{"seeds": 0}, {"context": 0.0}, {"context": math.nan}])
def test_senseless_options_are_refused(tmp_path, options):
    with pytest.raises(InputError, match="--seeds must be"):
        restore(recipe(), store(tmp_path / "in.wav", sound()), tmp_path / "out", "1500:1700", **options)


# -- scores -----------------------------------------------------------------------------------------------------------


def ratio(estimate, truth, where):
    return 10 * math.log10((truth[:, where] ** 2).sum() / ((truth - estimate)[:, where] ** 2).sum())


def test_scores_of_lost_samples_are_stored_with_the_protocol(tmp_path):
    truth = sound()
    source = store(tmp_path / "in.wav", torch.where(damaged(truth, *SPANS).gap, 0.0, truth), "FLOAT")
    clean = store(tmp_path / "clean.wav", truth, "FLOAT")

    restore(recipe(), source, tmp_path / "out", "1500:1700,2600:2740", truth=clean)

    record = json.loads((tmp_path / "out/in/scores.json").read_text())
    scores, whole = record["regions"][0], load(tmp_path / "out/in/network.wav")
    lost, original = np.r_[1500:1700, 2600:2740], load(clean)
    assert record["protocol"] == "time"
    assert scores["snr"] == pytest.approx(ratio(whole, original, lost), abs=1e-4)
    assert scores["nmse_miss"] == pytest.approx(-ratio(whole, original, lost), abs=1e-4)
    assert scores["nmse_tot"] == pytest.approx(
        10 * math.log10(((whole - original)[:, lost] ** 2).sum() / (original**2).sum()), abs=1e-4
    )
    assert scores["network_snr"] == pytest.approx(ratio(whole, original, np.arange(4000)), abs=1e-4)
    assert scores["snr_of_gaps"] == pytest.approx([ratio(whole, original, np.arange(*s)) for s in SPANS], abs=1e-3)


def test_scores_of_lost_columns_name_the_samples_that_no_column_covers():
    stft, truth = STFT(256, 64), sound()
    output = truth + 0.01 * torch.randn(truth.shape, dtype=torch.float64)
    gap = damaged(truth, (1500, 2100)).gap
    window = np.hanning(257)[:256] > 0
    under = {True: np.zeros(4000, bool), False: np.zeros(4000, bool)}  # samples under lost and under observed columns
    for frame in range(63):
        for sample in np.arange(256)[window] + 64 * frame - 128:
            if 0 <= sample < 4000:
                under[bool(gap[64 * frame])][sample] = True

    scores = column_scores(stft, gap, output, truth)

    estimate, original = output.numpy(), truth.numpy()
    assert scores["snr_whole"] == pytest.approx(ratio(estimate, original, np.arange(4000)))
    assert scores["snr_affected"] == pytest.approx(ratio(estimate, original, under[True]))
    assert scores["snr_core"] == pytest.approx(ratio(estimate, original, ~under[False]))


def test_two_lost_columns_lose_no_sample_which_the_file_says_as_null(tmp_path):
    source = store(tmp_path / "in.wav", sound())

    restore(recipe(data={"form": "columns"}, n_fft=512, hop_length=128), source, tmp_path / "out", "1595:1670")

    text = (tmp_path / "out/in/scores.json").read_text()
    scores = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))["regions"][0]
    assert scores["snr_core"] is None
    assert scores["snr_affected"] < scores["snr_whole"]
    assert json.loads(text)["protocol"] == "columns"


def test_scores_of_silence_are_written_as_null(tmp_path):
    silence = torch.zeros(1, 4000, dtype=torch.float64)
    source = store(tmp_path / "in.wav", silence + 0.1)
    restore(recipe(steps=1), source, tmp_path / "out", "1500:1700", truth=store(tmp_path / "clean.wav", silence))
    scores = json.loads((tmp_path / "out/in/scores.json").read_text())["regions"][0]
    assert scores["snr"] is None


def test_a_perfect_output_scores_without_bound():
    truth = sound()
    assert time_scores(damaged(truth, *SPANS), truth, truth)["snr"] == math.inf


# -- the methods of `inpaint` -----------------------------------------------------------------------------------------


def test_every_config_is_a_method_with_a_description():
    assert "dpai" in presets()
    assert set(presets()) <= set(names())
    assert all(len(line) > 20 and "\n" not in line for line in presets().values())
    assert method("dpai").context == math.inf


def test_listing_the_methods_needs_no_training_framework():
    code = (
        "import sys; from audio_inpaint.methods import names, method; names(), method('dpai');"
        "sys.exit(any(name in sys.modules for name in ('lightning', 'wandb', 'torchaudio', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_method_is_the_fit_of_the_command_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    audio, gap = sound(2).float(), damaged(sound(2), *SPANS).gap
    state = torch.get_rng_state()

    restored = Method(str(TINY), "--trainer.max_steps=3")(torch.where(gap, math.nan, audio), gap, RATE)
    assert torch.equal(torch.get_rng_state(), state)

    source = store(tmp_path / "in.wav", torch.where(gap, 0.0, audio), "FLOAT")
    arguments = ["deep_prior", "-c", str(TINY), "--trainer.max_steps=3", "--input", source, "--output", "out"]
    assert main([*arguments, "--gaps", "1500:1700,2600:2740"]) == 0
    assert torch.equal(restored[:, ~gap], audio[:, ~gap])
    assert restored.dtype == audio.dtype
    assert np.array_equal(restored.numpy(), soundfile.read("out/in.wav", dtype="float32")[0].T)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav", "out", "temporary"]
    assert "step 3 of 3" in capsys.readouterr().err


def test_a_method_takes_its_context_and_seeds_from_the_config(tmp_path):
    config = tmp_path / "near.yaml"
    config.write_text(TINY.read_text().replace("max_steps: 8", "max_steps: 1") + "context: 0.25\nseeds: 2\n")
    audio, gap = sound(), damaged(sound(), *SPANS).gap

    near = Method(str(config))

    assert near.context == 0.25
    assert not torch.equal(near(audio, gap, RATE), Method(str(config), "--seeds=1")(audio, gap, RATE))


def test_a_method_has_nothing_to_do_without_gaps_and_nothing_to_go_by_without_samples():
    audio = sound()
    nothing, everything = torch.zeros(4000, dtype=torch.bool), torch.ones(4000, dtype=torch.bool)
    assert torch.equal(Method(str(TINY))(audio, nothing, RATE), audio)
    assert not Method(str(TINY))(audio, everything, RATE).any()


def test_curves_are_read_back_as_they_were_logged(tmp_path):
    source = store(tmp_path / "in.wav", damaged(sound(), *SPANS).audio)
    arguments = ["deep_prior", "-c", str(TINY), "--input", source, "--output", str(tmp_path / "out")]
    assert main([*arguments, "--gaps", "1500:1700"]) == 0
    rows = list(csv.DictReader((tmp_path / "out/in/metrics.csv").open()))
    assert [int(row["step"]) for row in rows if row["loss"]] == list(range(8))
    assert [int(row["step"]) for row in rows if row["snr"]] == [2, 5]
