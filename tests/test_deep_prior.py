import math

import numpy as np
import pytest
import soundfile
import torch
from tiny_fits import RATE, SPANS, Watch, damaged, recipe, sound

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.training.data.single import SingleSignal
from audio_inpaint.training.deep_prior_fit import fit

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]


# -- what the fit may see -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("junk", "withheld"), [(math.nan, 1), (-math.inf, 0), ("noise", 1)])
def test_lost_samples_change_no_bit_of_the_fit(tmp_path, junk, withheld):
    audio = sound(2)
    fill = torch.randn(audio.shape, dtype=torch.float64) if junk == "noise" else junk
    fresh = recipe(data={"withheld_stretches": withheld})

    clean = fit(fresh, tmp_path / "a", *damaged(audio, *SPANS))
    other = fit(fresh, tmp_path / "b", *damaged(audio, *SPANS, fill=fill))

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
        fit(fresh, tmp_path / name, *region._replace(audio=x)) for name, x in (("a", region.audio), ("b", changed))
    ]

    assert torch.equal(*outputs)


def test_a_known_sample_does_change_the_fit(tmp_path):
    region = damaged(sound(), *SPANS)
    changed = region.audio.clone()
    changed[:, 200] += 0.1

    outputs = [fit(recipe(), tmp_path / n, *region._replace(audio=x)) for n, x in (("a", region.audio), ("b", changed))]

    assert not torch.equal(*outputs)


def test_the_truth_changes_no_bit_of_the_fit(tmp_path):
    region, truth = damaged(sound(), *SPANS), sound()
    wrong = torch.where(region.gap, 0.7, truth)

    outputs = [fit(recipe(), tmp_path / name, *region, truth=x) for name, x in (("a", truth), ("b", wrong))]

    assert torch.equal(*outputs)


def test_samples_that_no_observed_column_covers_change_no_bit_of_a_columns_fit(tmp_path):
    audio, fresh = sound(), recipe(data={"form": "columns"})
    region, stft = damaged(audio, (1500, 2100)), STFT.at(RATE, 256, 64)
    core = ~stft.covered(~stft.centred(region.gap), audio.shape[-1])
    assert 0 < core.sum() < region.gap.sum()
    changed = torch.where(core, 2 - 5 * audio, audio)

    outputs = [fit(fresh, tmp_path / name, *region, truth=x) for name, x in (("a", audio), ("b", changed))]

    assert torch.equal(*outputs)


def test_samples_under_an_observed_column_do_change_a_columns_fit(tmp_path):
    audio, fresh = sound(), recipe(data={"form": "columns"})
    region, changed = damaged(audio, (1500, 2100)), audio.clone()
    changed[:, 1505] += 0.1  # in the gap, and known all the same: why this form's scores are kept apart

    outputs = [fit(fresh, tmp_path / name, *region, truth=x) for name, x in (("a", audio), ("b", changed))]

    assert not torch.equal(*outputs)


# -- the result -----------------------------------------------------------------------------------------------------


def test_averaging_is_the_exponential_mean_of_the_outputs(tmp_path):
    watch, region = Watch(), damaged(sound(), *SPANS)

    output = fit(recipe(steps=5, callbacks=[watch], averaging=0.7, validate_every=100), tmp_path, *region)

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
    output = fit(recipe(callbacks=[watch], level=None), tmp_path, *damaged(sound(), *SPANS))
    last = watch.spectra[-1]
    spectrum = torch.zeros(1, 65, last.shape[-1], dtype=torch.complex64)
    spectrum[:, :64] = torch.complex(last[:, 0], last[:, 1])
    assert torch.allclose(output, STFT.at(RATE, 256, 64).inverse(spectrum, 4000), atol=1e-6)


def test_seeds_give_the_mean_of_fits_from_different_noise(tmp_path):
    region = damaged(sound(), *SPANS)

    both = fit(recipe(), tmp_path / "both", *region, seeds=2)

    first, second = (soundfile.read(tmp_path / f"both/seed_{seed}/network.wav", dtype="float32")[0] for seed in (0, 1))
    assert not np.allclose(first, second, atol=1e-3)
    assert np.allclose(both.numpy()[0], (first + second) / 2, atol=1e-7)
    assert np.array_equal(first, fit(recipe(), tmp_path / "one", *region).numpy()[0])


def test_with_a_level_the_result_follows_the_signal_up_and_down(tmp_path):
    quiet, loud = (fit(recipe(), tmp_path / str(gain), *damaged(gain * sound(), *SPANS)) for gain in (1, 8))
    assert torch.equal(loud, 8 * quiet)  # powers of two round alike


@pytest.mark.parametrize("level", [None, 1.0])
def test_silence_around_a_gap_gives_numbers(tmp_path, level):
    silence = torch.zeros(1, 4000, dtype=torch.float64)
    assert fit(recipe(level=level), tmp_path, *damaged(silence, *SPANS)).isfinite().all()


@pytest.mark.parametrize("fold", [2, 3])
def test_folded_frames_fit_signals_of_any_length(tmp_path, fold):
    for length in (3000, 3031):
        output = fit(recipe(steps=2, fold=fold), tmp_path / str(length), *damaged(sound(2, length), *SPANS))
        assert output.shape == (2, length)


def test_steps_lower_the_loss(tmp_path):
    watch = Watch()
    fit(recipe(steps=12, callbacks=[watch]), tmp_path, *damaged(sound(), *SPANS))
    assert watch.logged[-1]["loss"] < 0.9 * watch.logged[0]["loss"]


# -- validation -----------------------------------------------------------------------------------------------------


def test_the_validation_scores_the_gaps_by_the_truth(tmp_path):
    watch, truth = Watch(), sound()
    output = fit(recipe(callbacks=[watch]), tmp_path, *damaged(truth, *SPANS), truth=truth)
    lost = torch.cat([torch.arange(*span) for span in SPANS])
    error = (output.double() - truth)[:, lost].square().sum() / truth[:, lost].square().sum()
    assert len(watch.scores) == 2
    assert watch.scores[-1] == pytest.approx(-10 * math.log10(error), abs=0.01)
    stft, gap = STFT.at(RATE, 256, 64), damaged(truth, *SPANS).gap
    scale = truth[:, ~gap].square().mean() * stft.window.square().sum()  # the fit's level is 1
    error = stft(output.double() - truth)[..., stft.touched(gap)].abs().square().mean() / scale
    assert watch.losses[-1] == pytest.approx(error.item(), rel=1e-3)


def test_without_the_truth_the_validation_scores_withheld_samples_and_without_those_nothing(tmp_path):
    watch, blind, region = Watch(), Watch(), damaged(sound(), *SPANS)
    output = fit(recipe(callbacks=[watch]), tmp_path / "a", *region)
    data = SingleSignal()
    data.load(region.audio, region.gap, RATE)
    where = data.signal.withheld
    error = (output.double() - region.audio)[:, where].square().sum() / region.audio[:, where].square().sum()
    assert watch.scores[-1] == pytest.approx(-10 * math.log10(error), abs=0.01)

    fit(recipe(callbacks=[blind], data={"withheld_stretches": 0}), tmp_path / "b", *region)
    assert all(math.isnan(score) for score in blind.scores)
    assert {"loss", "loss/spectrogram", "loss/samples", "loss/phase"} <= set(blind.logged[-1])
