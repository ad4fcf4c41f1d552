import copy
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from alike import alike
from test_resume import Configured
from tiny_fits import RATE, SPANS, TINY, Watch, damaged, load, recipe, sound, store

from audio_inpaint.cli import main as inpaint
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.methods.deep_prior.config import Config
from audio_inpaint.methods.deep_prior.method import DeepPrior
from audio_inpaint.methods.deep_prior.presets import presets
from audio_inpaint.methods.registry import method, names
from audio_inpaint.scores.columns import column_scores
from audio_inpaint.scores.registry import SCORES
from audio_inpaint.training.cli import main
from audio_inpaint.training.deep_prior_files import Files, time_scores
from audio_inpaint.training.deep_prior_fit import fit

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]


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

    assert "b.wav is no audio" in capsys.readouterr().err
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


# -- scores ---------------------------------------------------------------------------------------------------------


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
    assert scores["snr_td"] == pytest.approx(ratio(whole, original, lost), abs=1e-4)
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

    scores = column_scores(output, truth, gap, stft)

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
    assert scores["snr_td"] is None


@pytest.mark.parametrize("quiet", [0.0, 1e-3])
def test_a_fit_has_the_registrys_scores_whatever_its_channels_are(quiet):
    """A quiet channel that was filled badly once ruled NMSE_miss, and a silent one made LSD infinite."""
    truth, gap = sound(2), damaged(sound(2), *SPANS).gap
    output = truth + 0.03 * torch.randn(truth.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    truth[1] *= quiet
    own = time_scores(output, truth, gap, RATE)
    restored = torch.where(gap, output, truth)
    for name in ("snr_td", "snr_ms", "lsd", "nmse_miss", "nmse_tot", "level_bias", "level_abs"):
        expected = SCORES[name].function(restored, truth, truth.masked_fill(gap, 0), gap, RATE)
        assert own[name] == pytest.approx(expected, nan_ok=True)
        assert name == "snr_ms" or math.isfinite(own[name])
    assert own["nmse_miss"] == pytest.approx(-ratio(output.numpy(), truth.numpy(), np.r_[1500:1700, 2600:2740]))


def test_column_scores_add_the_energies_of_channels():
    stft, truth = STFT(256, 64), sound(2)
    truth[1] *= 0.01
    output = truth + 0.01 * torch.randn(truth.shape, dtype=torch.float64)
    scores = column_scores(output, truth, damaged(truth, (1500, 2100)).gap, stft)
    assert scores["snr_whole"] == pytest.approx(ratio(output.numpy(), truth.numpy(), np.arange(4000)))


def test_a_perfect_output_scores_without_bound():
    truth = sound()
    assert time_scores(truth, truth, damaged(truth, *SPANS).gap, RATE)["snr_td"] == math.inf


# -- the methods of `inpaint` ---------------------------------------------------------------------------------------


def test_every_config_is_a_method_with_a_description():
    assert "dpai" in presets()
    assert set(presets()) <= set(names())
    assert all(len(line) > 20 and "\n" not in line for line in presets().values())
    assert method("dpai").context == math.inf


def test_listing_the_methods_needs_no_training_framework():
    code = (
        "import sys; from audio_inpaint.methods.registry import names, method; names(), method('dpai');"
        "sys.exit(any(name in sys.modules for name in ('lightning', 'wandb', 'torchaudio', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_method_is_the_fit_of_the_command_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    audio, gap = sound(2).float(), damaged(sound(2), *SPANS).gap
    state = torch.get_rng_state()

    restored = alike(DeepPrior(str(TINY), steps=3))(torch.where(gap, math.nan, audio), gap.expand(2, -1), RATE)
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


def test_inpaint_takes_a_config_as_a_method(tmp_path, monkeypatch, capsys):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/dpai_tiny.yaml").write_text(TINY.read_text())
    for module in ("audio_inpaint.files.configs", "audio_inpaint.methods.deep_prior.presets"):
        monkeypatch.setattr(f"{module}.FOLDER", tmp_path / "configs")
    source = store(tmp_path / "in.wav", sound())

    assert inpaint(["inpaint", source, "-o", str(tmp_path / "out.wav"), "--gaps=1500:1700", "--method=dpai_tiny"]) == 0

    before, after = load(source), load(tmp_path / "out.wav")
    assert np.array_equal(np.delete(before, np.s_[1500:1700], 1), np.delete(after, np.s_[1500:1700], 1))
    assert (before != after).sum() > 180
    assert capsys.readouterr().err == ""


def test_a_method_takes_its_context_and_seeds_from_the_config(tmp_path):
    config = tmp_path / "near.yaml"
    config.write_text(TINY.read_text().replace("max_steps: 8", "max_steps: 1") + "context: 0.25\nseeds: 2\n")
    audio, gap = sound(), damaged(sound(), *SPANS).gap[None]

    near = DeepPrior(str(config))

    assert near.context == 0.25
    assert not torch.equal(near(audio, gap, RATE), alike(DeepPrior(str(config), seeds=1))(audio, gap, RATE))


def test_a_method_has_nothing_to_do_without_gaps_and_nothing_to_go_by_without_samples():
    audio = sound()
    nothing, everything = torch.zeros(1, 4000, dtype=torch.bool), torch.ones(1, 4000, dtype=torch.bool)
    assert torch.equal(alike(DeepPrior(str(TINY)))(audio, nothing, RATE), audio)
    assert not alike(DeepPrior(str(TINY)))(audio, everything, RATE).any()


def test_a_method_needs_no_training_framework_to_restore():
    code = """
import sys
for name in ("lightning", "torchmetrics", "torchaudio", "jsonargparse", "wandb"):
    sys.modules[name] = None
import torch
from audio_inpaint.methods.registry import method
torch.set_num_threads(1)
audio, gap = torch.rand(1, 4000), torch.zeros(1, 4000, dtype=torch.bool)
gap[:, 2000:2200] = True
restored = method("dpai_fast:steps=2")(audio, gap, 8000)
assert restored.isfinite().all() and torch.equal(restored[~gap], audio[~gap])
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("enough", [0.0, 1.15])
def test_the_plain_fit_is_lightnings_bit_for_bit(tmp_path, enough):
    config = Config.load(str(TINY)).changed(enough=enough, multi_scale_weight=0.0)
    cli = Configured("--model.init_args.multi_scale_weight=0", f"--model.init_args.enough={enough}")
    region = damaged(sound(2), *SPANS)

    plain = config.restored(config.signal(*region))

    assert torch.equal(plain, fit(cli.fresh, tmp_path, *region))


def test_a_plain_fit_goes_on_to_the_same_bits():
    config = Config.load(str(TINY))
    signal, states = config.signal(*damaged(sound(), *SPANS)), {}
    whole = config.fit(signal)
    expected = whole.run(lambda step, *_: states.update({step: copy.deepcopy(whole.state())}))

    again = config.fit(signal)
    again.resume(states[3])

    assert torch.equal(again.run(), expected)


def test_a_fit_that_diverges_is_one_line():
    with pytest.raises(InputError, match="the fit diverged"):
        alike(DeepPrior(Config.load(str(TINY)).changed(learning_rate=1e30)))(
            sound(), damaged(sound(), *SPANS).gap[None], RATE
        )
