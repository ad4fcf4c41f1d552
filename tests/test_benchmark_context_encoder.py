import csv
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from alike import alike
from benchmark_cases import RATE, tone
from PIL import Image
from prepared_sources import nsynth_tree
from scipy.stats import ttest_rel
from tiny_checkpoint import SIZES, random_checkpoint

from audio_inpaint.benchmark import engine
from audio_inpaint.benchmark.presets import context_encoder_material as material
from audio_inpaint.benchmark.presets import context_encoder_probes as probes
from audio_inpaint.benchmark.presets import context_encoder_tables as tables
from audio_inpaint.benchmark.presets import preset
from audio_inpaint.benchmark.presets.paper_table import PaperTable, publish
from audio_inpaint.benchmark.setting import Setting
from audio_inpaint.errors import InputError
from audio_inpaint.methods.registry import method
from audio_inpaint.nn import checkpoints
from audio_inpaint.scores.snr import magnitude_snr, snr

KINDS = ("music", "instruments")


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """A network of each output for each kind of sound, but none for complex coefficients of instruments."""
    place = tmp_path / "networks"
    found = {kind: {"magnitude": str(random_checkpoint(place / f"{kind}.ckpt"))} for kind in KINDS}
    monkeypatch.setitem(SIZES, "output", "complex")
    found["music"]["complex"] = str(random_checkpoint(place / "music_complex.ckpt"))
    found["instruments"]["complex"] = "no_such_checkpoint"
    monkeypatch.setattr(material, "NETWORKS", found)
    monkeypatch.setattr(probes, "NETWORKS", found)
    return found


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """Music and notes of four seconds, two excerpts of each for a table, and no processes to wait for."""
    for index in range(2):
        tone(tmp_path / "music" / f"{index}.wav", 300 + 50 * index, seconds=4, noise=0.1, seed=index)
        tone(tmp_path / "notes" / f"{index}.wav", 400 + 70 * index, seconds=4, seed=9 + index)
    monkeypatch.setattr(material, "QUICK", 2)
    monkeypatch.setattr(engine, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    out = tmp_path / "out"
    out.mkdir()
    sources = (f"music={tmp_path / 'music'}", f"notes={tmp_path / 'notes'}")
    return Setting(out, tmp_path / "cache", quick=True, sources=sources)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def picture(path):
    """Whether a picture shows more than its background."""
    with Image.open(path) as image:
        return min(image.size) > 300 and len(image.convert("L").getcolors()) > 10


# -- material --------------------------------------------------------------------------------------------------------


def test_excerpts_hear_two_seconds_with_a_gap_half_a_second_in_or_later(setting, monkeypatch):
    monkeypatch.setattr(material, "QUICK", 41)
    cases = material.excerpts(setting)
    assert [*cases] == ["music", "instruments"]
    assert [len(own) for own in cases.values()] == [41, 41]
    assert len({case.name for own in cases.values() for case in own}) == 82
    later = 0
    for case in (case for own in cases.values() for case in own):
        (gap,) = case.mask.gaps
        audio, rate = case.recording.audio()
        assert audio.shape == (1, 2 * RATE)
        assert rate == RATE
        assert gap.stop - gap.start == 1024
        assert gap.start >= RATE // 2
        assert audio.shape[-1] - gap.stop >= 2048
        if gap.start > RATE // 2:  # only where the recording of 4 s ends
            later += 1
            assert case.recording.start == 2
        whole = soundfile.read(case.recording.path)[0]
        first = round(case.recording.start * RATE)
        assert np.array_equal(audio[0].numpy(), whole[first : first + 2 * RATE])
    assert later > 10


def test_excerpts_are_the_same_for_a_seed_spread_over_recordings_and_at_the_same_places_for_both_lengths(setting):
    def places(gap_ms, seed=0):
        own = material.excerpts(replace(setting, seed=seed), gap_ms=gap_ms)
        return [(c.recording.path, c.recording.start, c.mask.gaps[0].start) for kind in own for c in own[kind]]

    assert places(64) == places(48)
    assert places(64) != places(64, seed=1)
    assert len({path for path, *_ in places(64)}) == 4


def test_silent_gaps_and_short_recordings_are_left_out(tmp_path, setting):
    half = np.zeros(4 * RATE)
    half[2 * RATE :] = 0.1
    soundfile.write(tmp_path / "music" / "0.wav", half, RATE)
    tone(tmp_path / "music" / "1.wav", seconds=1.9)
    for case in material.excerpts(setting)["music"]:
        assert case.recording.path.stem == "0"
        assert case.recording.start * RATE + case.mask.gaps[0].stop > 2 * RATE


def test_what_the_user_can_mend_is_said(tmp_path, setting, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"audio-inpaint-data open-corpus -o data/open --small"):
        material.excerpts(replace(setting, sources=()))
    with pytest.raises(InputError, match="music=FOLDER"):
        material.excerpts(replace(setting, sources=(f"speech={tmp_path / 'music'}",)))
    soundfile.write(tmp_path / "silence.wav", np.zeros(4 * RATE), RATE)
    with pytest.raises(InputError, match="sounds"):
        material.excerpts(replace(setting, sources=(f"music={tmp_path / 'silence.wav'}",)))


def test_the_open_corpus_is_used_where_it_was_built(tmp_path, setting, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "open").mkdir(parents=True)
    (tmp_path / "notes").rename(tmp_path / "data" / "open" / "notes")
    found = material.excerpts(replace(setting, sources=()))
    assert [(kind, len(own)) for kind, own in found.items()] == [("instruments", 2)]


# -- tables ----------------------------------------------------------------------------------------------------------


def test_table_5_compares_the_networks_with_linear_prediction_pair_by_pair(setting, networks, tmp_path):
    outcome = preset("ce-table5")(setting)
    found = {(row["kind"], row["row"]): row for row in rows(setting.folder / "ce-table5.csv")}
    assert [*found] == [
        *(("music", row) for row in ("LPC", "magnitude", "complex", "Janssen")),
        *(("instruments", row) for row in ("LPC", "magnitude", "Janssen")),
    ]
    lpc = []
    cases = material.excerpts(setting)["music"]
    for case in cases:
        truth, _ = case.recording.audio()
        lost = torch.zeros(truth.shape[-1], dtype=torch.bool)
        lost[case.mask.gaps[0].start : case.mask.gaps[0].stop] = True
        lpc.append(float(snr(alike(method("burg:order=1000"))(truth.masked_fill(lost, 0), lost, RATE), truth, lost)))
    row = found["music", "LPC"]
    assert float(row["mean"]) == pytest.approx(np.mean(lpc), abs=1e-3)
    assert float(row["std"]) == pytest.approx(np.std(lpc), abs=1e-3)
    network = networks["music"]["complex"]
    own = [r.scores["snr_td"] for r in outcome.results.rows if r.method == network]
    row = found["music", "complex"]
    assert float(row["t_test"]) == pytest.approx(ttest_rel(own, lpc).pvalue, rel=1e-3)
    assert (row["paper_mean"], row["paper_std"]) == ("3.8", "4.1")
    assert "no_such_checkpoint" in outcome.table
    assert "16.0 (9.7)" not in outcome.table  # the paper's complex network for instruments has no row here
    assert picture(setting.folder / "ce-table5.png")
    assert (setting.folder / "masks.json").is_file()
    # Table 4 and Figure 8 judge the same restorations
    assert {row.case.identity for row in outcome.results.rows} >= {case.identity for case in cases}


def test_table_4_has_the_magnitudes_snr_and_the_odg(setting, networks):
    outcome = preset("ce-table4")(replace(setting, sources=setting.sources[:1]))
    found = rows(setting.folder / "ce-table4.csv")
    assert {(row["kind"], row["score"]) for row in found} == {("music", "snr_ms"), ("music", "odg")}
    assert all(-4 < float(row["mean"]) < 0.3 for row in found if row["score"] == "odg")
    assert all(cell in outcome.table for cell in ("7.7 (4.3)", "6.3 (5.1)", "-0.8 (0.2)"))


def test_a_table_has_a_row_for_a_method_of_ones_own(setting, networks):
    own = replace(setting, methods=("silence", networks["music"]["complex"]))  # the second is there already, for music
    table = tables.table5(own).table
    assert table.count("silence") == 2
    assert [row["row"] for row in rows(setting.folder / "ce-table5.csv") if row["row"] == "silence"] == ["silence"] * 2


def test_table_6_averages_the_three_ways_to_enlarge_a_gap(setting, networks):
    outcome = preset("ce-table6")(setting)
    assert {gap.stop - gap.start for case in outcome.results.cases for gap in case.mask.gaps} == {768}
    ways = {}
    for row in outcome.results.rows:
        if "enlarge" in row.method and row.case.recording.kind == "music":
            ways.setdefault(row.case.name, []).append(row.scores["snr_ms"])
    assert {len(set(own)) for own in ways.values()} == {3}
    means = [np.mean(own) for own in ways.values()]
    (found,) = (r for r in rows(setting.folder / "ce-table6.csv") if (r["kind"], r["row"]) == ("music", "magnitude"))
    assert float(found["mean"]) == pytest.approx(np.mean(means))
    assert float(found["std"]) == pytest.approx(np.std(means))
    assert found["paper_mean"] == "8.0"


def test_table_3_scores_all_splits_without_synthesis(tmp_path, setting, networks, monkeypatch):
    tree = nsynth_tree(tmp_path / "nsynth", {"train": 1, "valid": 1, "test": 1})
    outcome = preset("ce-table3")(replace(setting, sources=(f"notes={tree}",)))
    found = rows(setting.folder / "ce-table3.csv")
    assert [row["row"] for row in found] == [f"magnitude, {split}" for split in ("training", "validation", "test")]
    assert [row["count"] for row in found] == ["2"] * 3
    assert {row["score"] for row in found} == {"snr_network"}  # the frames' own, which is not the registry's snr_ms
    assert "SNR_MS of the network's frames (dB)" in outcome.table
    assert outcome.results is None
    assert picture(setting.folder / "ce-table3.png")


def test_table_3_refuses_folders_without_splits(setting, networks):
    with pytest.raises(InputError, match="training split and in another"):
        preset("ce-table3")(setting)


def test_the_networks_frames_are_judged_where_no_known_sample_reaches(tmp_path, monkeypatch):
    monkeypatch.setitem(SIZES, "output", "magnitude")
    inpainter = checkpoints.load(random_checkpoint(tmp_path / "one.ckpt"))
    segments = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 5120))).float()
    answer = 1.1 * inpainter.target(segments)  # -20 dB of error, as the network would give it at its own level
    answer[..., :3] += 100
    answer[..., 8:] -= 100
    level = inpainter.known(segments)[1].unsqueeze(1)
    monkeypatch.setattr(inpainter, "forward", lambda spectrum: answer / level)
    assert tables.frame_snr(inpainter, segments).tolist() == pytest.approx([20, 20], abs=1e-3)


def test_the_paper_s_figures_stand_beside_only_what_the_paper_has(tmp_path):
    own = {"LPC": {"a": 1.0, "b": 3.0, "c": 2.0}, "new": {"a": 4.0, "b": 6.5, "c": math.nan}}
    scores = {("music", row, "snr_ms"): values for row, values in own.items()}
    table = PaperTable("title", scores, {("music", "LPC", "snr_ms"): (6.3, 5.1)}, "LPC", ("a note",))
    assert publish(table, tmp_path, "one").splitlines() == [
        "title",
        "",
        "music",
        "       n  SNR_MS (dB)      paper  ahead of LPC  p (t-test)",
        "  LPC  3  2.00 (0.82)  6.3 (5.1)",
        "  new  2  5.25 (1.25)             +3.25 ± 0.25       0.049",
        "",
        "a note",
    ]
    assert [row["paper_mean"] for row in rows(tmp_path / "one.csv")] == ["6.3", ""]


# -- probes ----------------------------------------------------------------------------------------------------------


def test_tones_have_their_frequencies_phases_and_amplitudes():
    found = probes.tones(np.array([440.0, 1000.0])).numpy()
    assert found.shape == (2, 4, 5120)
    time = np.arange(5120) / 16000
    assert found[0, 0] == pytest.approx(0.1 * np.sin(2 * np.pi * 440 * time), abs=1e-9)
    assert found[1, 2] == pytest.approx(0.7 * np.cos(2 * np.pi * 1000 * time), abs=1e-9)


def test_sweeps_rise_by_500_hz_in_320_ms():
    audio = probes.sweeps()[0].numpy()
    assert np.abs(audio).max() <= 1
    spectrum = np.fft.rfft(audio * np.hanning(5120))
    hertz = np.fft.rfftfreq(5120, 1 / 16000)
    for i in range(5):
        band = (hertz > 500 * (3 * i + 1) - 400) & (hertz < 500 * (3 * i + 2) + 400)
        alone = np.zeros(5120, complex)
        alone[: len(hertz)] = np.where(band, spectrum, 0)
        phase = np.unwrap(np.angle(np.fft.ifft(alone)))
        slope = np.gradient(phase) * 16000 / (2 * np.pi)
        for place in (1000, 2560, 4000):
            assert slope[place] == pytest.approx(500 * (3 * i + 1) + 500 * place / 5120, abs=15)


def test_the_thick_line_averages_surrounding_points():
    values = np.random.default_rng(0).standard_normal(800)
    expected = [values[max(0, i - 12) : i + 13].mean() for i in range(800)]
    assert probes.around(values) == pytest.approx(expected)


def test_notes_are_those_of_the_standard_pitch():
    hertz = 440 * 2 ** (np.array([0, 1, 0.5, -11.75, 24]) / 12)
    assert probes.semitones(hertz) == pytest.approx([0, 0, 0.5, 0.25, 0], abs=1e-9)


def test_figure_4_leaves_out_a_network_that_is_not_there(setting, networks, monkeypatch):
    monkeypatch.setattr(probes, "QUICK_TONES", 8)
    outcome = preset("ce-fig4")(setting)
    found = rows(setting.folder / "ce-fig4.csv")
    assert [*found[0]][2:] == ["complex, music SNR_MS", "LPC SNR_MS"]
    assert len(found) == 8
    hertz = [float(row["hertz"]) for row in found]
    assert hertz[0] == pytest.approx(20)
    assert np.diff(np.log(hertz)) == pytest.approx(math.log(400) / 8)
    # a tone is what linear prediction is made for: at 94 Hz and above it is numerically exact
    assert all(float(row["LPC SNR_MS"]) > 80 for row in found[2:])
    assert "left out: no_such_checkpoint" in outcome.table
    assert picture(setting.folder / "ce-fig4.png")
    networks["music"]["complex"] = "neither_this_one"
    with pytest.raises(InputError, match="neither_this_one"):
        preset("ce-fig4")(setting)


def test_figure_5_says_how_far_the_magnitude_network_is_ahead(setting, networks, monkeypatch):
    networks["instruments"]["complex"] = networks["music"]["complex"]
    monkeypatch.setattr(probes, "QUICK_TONES", 12)
    outcome = preset("ce-fig5")(setting)
    found = rows(setting.folder / "ce-fig5.csv")
    pair = [[float(row[f"{name}, instruments SNR_MS"]) for row in found] for name in ("magnitude", "complex")]
    ahead = np.mean(np.subtract(*pair))
    assert f"magnitude ahead of complex by {ahead:.1f} dB; paper: 10.2" in outcome.table
    truth = probes.tones(np.array([float(found[1]["hertz"])]))[0]
    network = checkpoints.load(networks["instruments"]["magnitude"])
    expected = magnitude_snr(network.restore(truth.float()).double(), truth, network.segment.lost).mean()
    assert pair[0][1] == pytest.approx(float(expected), abs=1e-3)


def test_a_network_for_other_segments_cannot_be_probed(tmp_path, monkeypatch):
    monkeypatch.setitem(SIZES, "context", 1024)
    path = random_checkpoint(tmp_path / "short.ckpt")
    with pytest.raises(InputError, match="64 ms between 128 ms"):
        probes.restored(path, torch.zeros(1, 5120))


def test_figure_7_has_a_row_for_each_network_and_for_linear_prediction(setting, networks):
    outcome = preset("ce-fig7")(setting)
    found = {row[""]: float(row["SNR_MS (dB)"]) for row in rows(setting.folder / "ce-fig7.csv")}
    assert [*found] == ["magnitude, music", "magnitude, instruments", "LPC", "Janssen"]
    assert found["LPC"] < 1  # a sweep is what it cannot do
    assert f"{found['LPC']:.2f}" in outcome.table
    assert picture(setting.folder / "ce-fig7.png")


def test_figure_8_shows_the_best_and_the_worst_excerpt_of_each_kind(setting, networks, monkeypatch):
    monkeypatch.setattr(material, "QUICK", 3)
    outcome = preset("ce-fig8")(setting)
    found = {row[""]: row for row in rows(setting.folder / "ce-fig8.csv")}
    assert [*found] == [f"{kind}, {which}" for kind in KINDS for which in ("best", "worst")]
    ahead = {}
    for case in outcome.results.cases:
        own = {name: row.scores["snr_ms"] for name, row in outcome.results.of(case).items()}
        if case.recording.kind == "music":
            network = networks["music"]["magnitude"]
            ahead[case.recording.name] = own[f"{network}:phases=reconstructed"] - own["burg:order=1000"]
    assert found["music, best"]["excerpt"] == max(ahead, key=ahead.get)
    assert found["music, worst"]["excerpt"] == min(ahead, key=ahead.get)
    assert float(found["music, best"]["difference"]) == pytest.approx(max(ahead.values()), abs=0.06)
    assert picture(setting.folder / "ce-fig8.png")
