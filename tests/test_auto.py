import importlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from alike import alike, one_mask
from signals import noise

from audio_inpaint.files.recording import write
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.burg import extrapolate
from audio_inpaint.methods.gap_workers import on_cores
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.recall.auto import HIGHEST, LOWEST, Auto, at_the_end, evidence
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.methods.recall.scene import Scene
from audio_inpaint.methods.registry import method, names
from audio_inpaint.scores.snr import snr

RATE = 8000
GAPS = [Gap(0, 200), Gap(7000, 7400), Gap(10000, 10010), Gap(16600, 16800)]


def bars(count=4, seconds=0.7, channels=1, fresh=0.0, seed=0):
    """Noise that nobody can predict, played again and again, with some fresh noise added: (channel, time)."""
    period = round(seconds * RATE)
    return noise(period, channels, seed).repeat(1, count) + fresh * noise(count * period, channels, seed + 1)


def tone(length, pitch=250.0):
    return 0.3 * torch.sin(2 * torch.pi * pitch / RATE * torch.arange(length, dtype=torch.float64))[None]


def scene_of(audio, gap):
    return Scene(Auto(), audio.masked_fill(gap, 0), gap, RATE)


@pytest.fixture
def threads():
    """Sets the number of torch's threads, and the old one in the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


# ---- fills


@pytest.fixture(scope="module")
def damaged():
    audio = bars(3, channels=2)
    return audio, one_mask(GAPS, audio.shape[-1])


@pytest.fixture(scope="module")
def alone(damaged):
    """What one process makes of it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield alike(Auto()).explain(*damaged, RATE)
    torch.set_num_threads(threads)


def test_it_refines_what_recall_fills_and_explains_the_same_mix(damaged, alone):
    audio, gap = damaged
    theirs, others = alike(Recall()).explain(audio, gap, RATE)
    assert torch.equal(alike(Auto(refine=False)).explain(audio, gap, RATE)[0], theirs)
    assert not torch.equal(alone[0], theirs)
    assert [(one.gap, one.weights, one.sources) for one in alone[1]] == [(o.gap, o.weights, o.sources) for o in others]
    assert torch.equal(theirs[:, ~gap], audio[:, ~gap])


def test_any_number_of_processes_gives_the_same_bits(damaged, alone, threads):
    threads(3)
    restored, told = alike(Auto()).explain(*damaged, RATE)
    assert torch.get_num_threads() == 3
    assert torch.equal(restored, alone[0])
    assert told == alone[1]


@pytest.mark.parametrize("value", [torch.nan, 1e30])
def test_lost_values_change_no_bit_of_fill_or_expectation(damaged, alone, value):
    audio, gap = damaged
    restored, told = alike(Auto()).explain(audio.masked_fill(gap, value), gap, RATE)
    assert torch.equal(restored, alone[0])
    assert told == alone[1]


@pytest.mark.parametrize("length", [40, 700, 2500])
def test_short_recordings_are_left_to_janssen(length):
    audio, gap = noise(length), one_mask([Gap(length // 2, length // 2 + 9)], length)
    restored, [told] = alike(Auto()).explain(audio, gap, RATE)
    assert torch.equal(restored, alike(Janssen())(audio, gap, RATE))
    assert told.weights == {"janssen": 1.0}
    assert told.expected_snr is None


# ---- expectations


def test_expected_and_true_snr_go_together():
    """Bars that repeat more or less exactly: from nothing to predict to all but a copy."""
    pairs = []
    for seed, fresh in enumerate((0.02, 0.1, 0.3, 0.5, 1.0, 4.0)):
        audio = bars(fresh=fresh, seed=10 * seed)
        gap = one_mask([Gap(9000, 9200)], audio.shape[-1])
        restored, [told] = alike(Auto()).explain(audio, gap, RATE)
        pairs.append((told.expected_snr, float(snr(restored, audio, gap))))
    assert np.corrcoef(np.transpose(pairs))[0, 1] > 0.9
    assert pairs[0][0] > 12
    assert pairs[-1][0] < 3


def test_evidence_is_that_of_a_literal_computation():
    audio = bars(channels=2, fresh=0.3)
    gap = one_mask([Gap(9000, 9300)], audio.shape[-1])
    scene = scene_of(audio, gap)
    trial = scene.trial(Gap(9000, 9300))
    own = np.array([[np.sum((f - t) ** 2) / np.sum(t**2) for f in fills.numpy()]
                    for fills, t in zip(trial.rehearsals, map(np.asarray, trial.truths), strict=True)])  # fmt: skip
    share, dull = (np.exp(np.log(own).mean(0)) ** -power for power in (8.0, 3.5))
    np.testing.assert_allclose(trial.weights, share / share.sum(), rtol=1e-9)
    share = dull / dull.sum()
    assert len(trial.truths) == 2

    def db(a, b):
        return 10 * np.log10(a / b)

    mixes = [sum(w * f for w, f in zip(share, fills.numpy(), strict=True)) for fills in trial.rehearsals]
    truths = [truth.numpy() for truth in trial.truths]
    rehearsed = [db((t**2).sum(), ((m - t) ** 2).sum()) for m, t in zip(mixes, truths, strict=True)]
    fills = trial.fills.numpy()
    mix = sum(w * f for w, f in zip(share, fills, strict=True))
    apart = [((fill - mix) ** 2).sum() for fill in fills]
    rest = [r[:, [*range(h.start - 100, h.start), *range(h.stop, h.stop + 100)]].square().sum()
            for h in [trial.sketch.hole] for r in trial.sketch.rest]  # fmt: skip
    literal = (
        np.mean(rehearsed),
        db((mix**2).sum(), share @ apart),
        db(float(rest[0]), float(min(rest))),
    )
    np.testing.assert_allclose(evidence(trial, 100), literal, rtol=1e-6)


def test_evidence_keeps_its_limits_where_all_is_exact_or_silent():
    audio = bars()
    gap = one_mask([Gap(9000, 9300)], audio.shape[-1])
    for signal in (audio, audio * 1e-12, torch.cat([audio[:, :9000], 0 * audio[:, 9000:]], 1)):
        trial = scene_of(signal, gap).trial(Gap(9000, 9300))
        assert trial is None or all(LOWEST <= value <= HIGHEST for value in evidence(trial, 100))


# ---- the ends of a recording


@pytest.mark.parametrize("side", [1, -1])
def test_a_gap_at_an_end_is_rehearsed_on_the_side_that_there_is(side):
    audio = noise(8000).cumsum(-1)
    gap = one_mask([Gap(7600, 8000)], 8000)
    literal = []
    for stop in (7600, 7200):
        truth = audio[:, stop - 400 : stop]
        fill = extrapolate(audio[:, stop - 400 - 1024 : stop - 400], 256, 400)
        literal.append(float(snr(fill, truth)))
    if side < 0:
        audio, gap = audio.flip(-1), gap.flip(0)
    run = Gap(7600, 8000) if side > 0 else Gap(0, 400)
    assert at_the_end(scene_of(audio, gap), run) == pytest.approx(np.clip(literal, LOWEST, HIGHEST).mean())


def test_a_tone_that_breaks_off_is_expected_to_go_on_and_noise_is_not():
    gap = one_mask([Gap(11600, 12000)], 12000)
    sure, lost = (alike(Auto()).explain(x, gap, RATE)[1][0].expected_snr for x in (tone(12000), noise(12000)))
    assert sure > 15
    assert lost < 3


def test_an_end_with_another_gap_before_it_expects_nothing():
    gap = one_mask([Gap(10900, 10950), Gap(11600, 12000)], 12000)
    assert at_the_end(scene_of(noise(12000), gap), Gap(11600, 12000)) is None


# ---- processes


def test_results_come_in_order_from_other_processes_and_from_this_one_if_there_is_one_core():
    items = list(range(7))
    found = on_cores(lambda item: (item, os.getpid(), torch.get_num_threads()), items, 3)
    assert [item for item, _, _ in found] == items
    assert os.getpid() not in {process for _, process, _ in found}
    assert {count for _, _, count in found} == {1}
    assert on_cores(lambda item: os.getpid(), items, 1) == 7 * [os.getpid()]


def test_what_a_process_raises_is_raised_here():
    def failing(item):
        time.sleep(0.01)
        raise ValueError(f"no {item}")

    with pytest.raises(ValueError, match="no 0"):
        on_cores(failing, list(range(3)), 2)


# ---- around it


def test_it_is_the_first_method_and_takes_the_options_of_recall():
    assert next(iter(names())) == "auto"
    assert method("auto") == Auto()
    assert method("auto:matches=4") == Auto(matches=4)
    assert Auto().context == Recall().context


def test_the_calibration_prints_constants_that_fit(tmp_path, monkeypatch, capsys):
    benchmarks = Path(__file__).parents[1] / "benchmarks"
    monkeypatch.syspath_prepend(str(benchmarks))
    calibration = importlib.import_module("calibration")
    rng = np.random.default_rng(0)
    told = rng.uniform(0, 30, (40, 3))
    rows = [calibration.Row("noise", tuple(x), float(3 + x @ (0.1, 0.2, 0.3))) for x in told]
    np.testing.assert_allclose(calibration.fitted(rows), (3, 0.1, 0.2, 0.3), atol=1e-9)
    for number, fresh in enumerate((0.1, 0.3, 1.0)):
        write(tmp_path / f"{number}.wav", bars(fresh=fresh, seed=number).float().repeat_interleave(2, -1), 2 * RATE)
    monkeypatch.setattr("sys.argv", ["calibration", str(tmp_path)])
    assert calibration.main() == 0
    printed = capsys.readouterr().out
    assert '"trial": (' in printed
    assert all(f"\n{situation} all" in printed for situation in calibration.SITUATIONS)


@pytest.mark.parametrize("method", [Auto(), Recall()])
@pytest.mark.parametrize("run", [Gap(10_000, 10_512), Gap(8000, 12_000)], ids=["short", "long"])
@pytest.mark.parametrize("music", [True, False])
def test_silence_between_silence_is_expected_to_be_right(method, run, music):
    audio = torch.zeros(1, 40_000)
    if music:
        audio[:, 30_000:] = noise(10_000).float()
    gap = gap_mask([run], 40_000)
    fill, [told] = method.explain(audio, gap, 8000, [run])
    assert not fill[gap].any()
    assert told.expected_snr == 40
    assert not told.doubtful


@pytest.mark.parametrize("run", [Gap(3000, 3512), Gap(0, 512)], ids=["music begins in it", "nothing is before it"])
def test_silence_on_one_side_alone_promises_nothing(run):
    audio = torch.zeros(1, 20_000)
    if run.start:
        audio[:, 3500:] = noise(16_500).float()
    _, [told] = Auto().explain(audio.masked_fill(gap_mask([run], 20_000), 0), gap_mask([run], 20_000), 8000, [run])
    assert told.doubtful
