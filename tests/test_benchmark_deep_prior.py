"""The deep-prior paper's experiments, with methods and networks small enough for a moment."""

import csv
import json
import math

import numpy as np
import pytest
import soundfile

from audio_inpaint.benchmark.presets import deep_prior_fits as fits
from audio_inpaint.benchmark.presets import deep_prior_tables as tables
from audio_inpaint.benchmark.setting import Setting
from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import read
from audio_inpaint.listening.responses import FORMAT

RATE = 16000
METHODS = ("janssen:iterations=1", "burg:order=50", "silence")


def store(path, seconds, seed=0):
    """Tones that come and go in noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time, rng = np.arange(round(seconds * RATE)) / RATE, np.random.default_rng(seed)
    tones = sum(0.1 * np.sin(2 * np.pi * f * time) * (1 + np.sin(5 * time + f)) for f in (220, 311, 1250))
    soundfile.write(path, tones + 0.01 * rng.standard_normal(len(time)), RATE)
    return path


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def answered(listener, best):
    """What the listening test's page saves of a listener who chooses one method in both questions."""
    stimuli = [
        {"method": method, "role": "method", "rating": 3, "best": method == best} for method in ("janssen", "burg")
    ]
    answers = [{"item": item, "stimuli": stimuli} for item in ("a", "b")]
    test = {"format": FORMAT, "kind": "plausibility", "title": "?", "test": "0123456789ab", "questions": 2}
    return json.dumps(test | {"participant": listener, "answers": answers})


def is_picture(path):
    return path.read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    store(folder / "music" / "one.flac", 2.2, 1)
    store(folder / "speech" / "two.flac", 2, 2)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def setting(tmp_path, corpus, cache):
    return Setting(tmp_path, cache, workers=2, quick=True, sources=(str(corpus),))


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(tables, "QUICK_METHODS", METHODS)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(fits, "QUICK", {"n_fft": 256, "hop_length": 64, "level": 2.0})
    monkeypatch.setattr(fits, "QUICK_VALIDATED", 2)
    monkeypatch.setattr(fits, "LOGGED", 1)
    small = {"filters": [2, 2, 4], "skip_channels": 4, "depth": 2}
    monkeypatch.setattr(fits, "QUICK_NETS", dict.fromkeys(fits.CONFIGS, small) | {fits.UNET: {"widths": [2, 4]}})
    monkeypatch.setattr(fits, "STEPS", (2, 4, 5000))
    monkeypatch.setattr(fits, "QUICK_STEPS", 6)
    monkeypatch.setattr(tables, "QUICK_SECONDS", 0.6)
    monkeypatch.setattr(fits, "QUICK_MS", 100)


def test_fig8_gives_the_nmse_of_equation_16_by_duration(setting, few):
    outcome = tables.fig8(setting)
    rows = table(setting.folder / "dpai-fig8.csv")
    assert {row["mask"].split()[0] for row in rows} == {"100", "300"}
    assert {row["count"] for row in rows} == {"2"}
    for row in rows:
        total = float(row["mask"].split()[0])
        ratios = []
        for case in json.loads((setting.folder / "masks.json").read_text())["cases"]:
            if case["size_ms"] == total:
                whole = read(case["recording"]["path"])[0][0].numpy()
                start = round(case["recording"]["start"] * RATE)
                signal = whole[start : start + 2 * RATE]
                lost = np.concatenate([signal[first:last] for first, last in case["gaps"]])
                assert len(lost) == total / 1000 * RATE
                energy = (signal if row["score"] == "nmse_tot" else lost) ** 2
                ratios.append((lost**2).sum() / energy.sum())
        silence = 10 * math.log10(np.mean(ratios))
        if row["method"] == "silence":
            assert float(row["mean"]) == pytest.approx(silence, abs=1e-4)
        else:
            assert float(row["mean"]) < silence - 1
    assert "another protocol" in outcome.table
    assert is_picture(setting.folder / "dpai-fig8.png")
    assert {row.case.recording.kind for row in outcome.results.rows} == {"music", "speech"}


def test_fig9_shows_the_largest_gaps_of_one_signal(setting, few):
    outcome = tables.fig9(setting)
    (case,) = outcome.results.cases
    assert case.mask.size_ms == 300
    assert case.name in {case.name for case in tables.cases(setting)}
    assert is_picture(setting.folder / "dpai-fig9.png")


def test_fig10_is_of_speech_alone(setting, few):
    pytest.importorskip("pesq")
    outcome = tables.fig10(setting)
    assert {case.recording.kind for case in outcome.results.cases} == {"speech"}
    gains = [row for row in table(setting.folder / "dpai-fig10.csv") if row["score"] == "pesq_gain"]
    assert {row["mask"].split()[0] for row in gains} == {"100", "300"}
    assert [float(row["mean"]) for row in gains if row["method"] == "silence"] == [0, 0]
    assert is_picture(setting.folder / "dpai-fig10.png")


def test_fig10_asks_for_speech(setting, corpus, few, tmp_path):
    with pytest.raises(InputError, match="speech=FOLDER"):
        tables.fig10(Setting(tmp_path, tmp_path, quick=True, sources=(f"music={corpus / 'music'}",)))


def test_without_sources_the_demonstration_s_clips_are_taken(tmp_path, few, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="demo/clips is not here"):
        tables.cases(Setting(tmp_path, tmp_path, quick=True))
    store(tmp_path / "demo" / "clips" / "speech_16k.flac", 2)
    kinds = [case.recording.kind for case in tables.cases(Setting(tmp_path, tmp_path, quick=True))]
    assert kinds == ["speech", "speech"]


def test_table3_asks_and_then_counts_what_listeners_chose(setting, few, monkeypatch):
    monkeypatch.setattr(tables, "PAPER_SHARES", {"janssen": 69, "burg": 31})
    asked = tables.table3(setting)
    assert "answers" in asked.table
    assert (setting.folder / "listening_test.html").stat().st_size > 10_000
    for item in (setting.folder / "stimuli").iterdir():
        truth, damaged = (read(item / f"{name}.flac")[0] for name in ("original", "damaged"))
        known = damaged != 0  # the few known samples that are zero beside
        assert (damaged[known] == truth[known]).all()
        assert 0.05 <= 1 - known.double().mean() < 0.2
        names = {file.stem for file in item.iterdir()} - {"original", "damaged"}
        assert len(names) == 2
        for name in names:
            restored = read(item / f"{name}.flac")[0]
            assert (restored[known] == truth[known]).all()
            assert restored[~known].any()

    (setting.folder / "answers").mkdir()
    for person, best in {"anna": "janssen", "ben": "janssen", "cleo": "burg"}.items():
        (setting.folder / "answers" / f"{person}.json").write_text(answered(person, best))
    counted = tables.table3(setting)
    line = next(line for line in counted.table.splitlines() if line.split()[:1] == ["janssen"])
    assert line.split() == ["janssen", "6", "67%", "(0.47)", "69", "%"]
    assert is_picture(setting.folder / "dpai-table3.png")


def test_fig6_draws_the_curves_of_three_networks_and_fig7_shares_a_fit(setting, tiny, one_thread):
    text = fits.fig6(setting).table
    assert "2,015,252" in text
    curves = {}
    for row in table(setting.folder / "dpai-fig6.csv"):
        curves.setdefault((row["network"], row["curve"]), {})[int(row["step"])] = float(row["value"])
    assert {name for name, _ in curves} == set(fits.CONFIGS)
    for (_, curve), values in curves.items():
        assert list(values) == ([1, 2, 3, 4, 5, 6] if curve == "loss" else [2, 4, 6])
        assert all(math.isfinite(value) for value in values.values())
    assert is_picture(setting.folder / "dpai-fig6.png")

    outputs = {path: path.stat().st_mtime_ns for path in setting.cache.glob("fits/*/step_000006.wav")}
    fits.fig7(setting)
    assert {path: path.stat().st_mtime_ns for path in setting.cache.glob("fits/*/step_000006.wav")} == outputs
    assert [row["step"] for row in table(setting.folder / "dpai-fig7.csv")] == ["2", "4", "6"]
    assert is_picture(setting.folder / "dpai-fig7.png")
    (own,) = fits.fitted(setting, fits.signal(setting), [fits.HARMONIC]).values()
    assert (own.output(2) != own.output(6)).any()


def test_a_fit_never_sees_what_is_lost(tmp_path, tiny, one_thread):
    def fit(name):
        own = Setting(tmp_path, tmp_path, quick=True, sources=(f"music={tmp_path / name}",))
        case = fits.signal(own)
        return case, fits.fitted(own, case, [fits.HARMONIC])[fits.HARMONIC]

    audio, _ = soundfile.read(store(tmp_path / "true" / "sound.wav", 0.6))
    case, true = fit("true")
    for gap in case.mask.gaps:
        audio[gap.start : gap.stop] *= -0.5
    (tmp_path / "false").mkdir()
    soundfile.write(tmp_path / "false" / "sound.wav", audio, RATE)
    other, false = fit("false")
    assert other.mask == case.mask
    assert (true.output(6) == false.output(6)).all()
    assert (true.curve("loss")[1] == false.curve("loss")[1]).all()
    assert (true.curve("validation_loss")[1] != false.curve("validation_loss")[1]).all()
