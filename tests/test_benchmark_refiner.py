"""The presets of docs/refiner.md, with methods small enough for a moment."""

import csv

import numpy as np
import pytest
from benchmark_cases import folder, tone

from audio_inpaint.benchmark.cases import read
from audio_inpaint.benchmark.presets import names, preset, refiner_tables
from audio_inpaint.benchmark.setting import Setting
from audio_inpaint.cli import main
from audio_inpaint.errors import InputError

QUICK = {"ALONE": "janssen:iterations=1", "JANSSEN": "burg:order=20", "FLOOR": "silence", "REFINED": "burg:order=50"}


@pytest.fixture
def quick(monkeypatch):
    for name, method in QUICK.items():
        monkeypatch.setattr(refiner_tables, name, method)
    monkeypatch.setattr(refiner_tables, "SCORES", ("snr_td", "lsd"))
    monkeypatch.setattr(refiner_tables, "QUICK", 3)


def setting(tmp_path, *sources):
    (tmp_path / "out").mkdir(exist_ok=True)
    return Setting(tmp_path / "out", tmp_path / "cache", quick=True, sources=tuple(map(str, sources)))


def test_gaps_of_a_kind_are_spread_over_its_recordings(tmp_path, quick):
    tone(tmp_path / "one" / "a.wav", seconds=2.0)
    for number in range(5):
        tone(tmp_path / "many" / f"{number}.wav", 300 + 50 * number, seconds=2.0)
    own = setting(tmp_path, f"one={tmp_path / 'one'}", f"many={tmp_path / 'many'}")
    outcome = preset("refiner")(own)
    assert outcome.results.methods == tuple(QUICK.values())
    found = read(tmp_path / "out" / "masks.json")
    assert outcome.results.cases == found
    assert [case.recording.kind for case in found] == ["one"] * 3 + ["many"] * 3
    assert len({case.recording.name for case in found}) == 1 + 3
    for case in found:
        (gap,) = case.mask.gaps
        assert len(gap) == 1024
        assert 5600 <= gap.start <= gap.stop <= 32000 - 5600


def test_the_table_compares_with_recall_alone_pair_by_pair_and_by_what_it_reached(tmp_path, quick):
    place = folder(tmp_path / "clips", kinds=("music",), each=3)
    for number in range(3):
        tone(place / "music" / f"clip_{number}.wav", 300 + 50 * number, seconds=2.0, noise=0.003 * 10**number)
    outcome = preset("refiner")(setting(tmp_path, place))
    values = {
        method: np.array([row.scores["snr_td"] for row in outcome.results.rows if row.method == method])
        for method in (QUICK["ALONE"], QUICK["REFINED"])
    }
    apart = values[QUICK["REFINED"]] - values[QUICK["ALONE"]]
    lines = outcome.table.splitlines()
    (line,) = [line.split() for line in lines[:9] if line.startswith("  burg:order=50 minus janssen:iterations=1")]
    assert line[3:6] == [f"{apart.mean():+z.2f}", "±", f"{apart.std(ddof=1) / 3**0.5:.2f}"]
    assert line[9] == f"{apart.min():+z.2f}"
    reached = values[QUICK["ALONE"]]
    for low, high, title in ((-99, 3, "below 3"), (3, 10, "3 to 10"), (10, 20, "10 to 20"), (20, 99, "above 20")):
        count = int(((low <= reached) & (reached < high)).sum())
        at = [n for n, text in enumerate(lines) if text == f"music, 64 ms, janssen:iterations=1: SNR_TD {title} dB"]
        assert len(at) == bool(count)
        assert [lines[n + 2].split()[1] for n in at] == [str(count)] * len(at)
    assert len({title for title in lines if "janssen:iterations=1: SNR_TD" in title}) > 1


def test_other_lengths_other_rates_and_several_gaps(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(refiner_tables, "OF_SPEECH", ("snr_td",))
    tone(tmp_path / "clips" / "a.wav", seconds=4.0, rate=22050)
    tone(tmp_path / "clips" / "b.wav", seconds=4.0, rate=8000)
    own = setting(tmp_path, tmp_path / "clips")
    found = {name: preset(name)(own).results.cases for name in names() if name.startswith("refiner-")}
    assert {case.mask.label for case in found["refiner-lengths"]} == {"20 ms", "40 ms", "120 ms", "200 ms"}
    rates = {case.recording.audio()[1] for case in found["refiner-rates"]}
    assert rates == {22050, 8000}
    assert {len(case.mask.gaps) for case in found["refiner-speech"]} == {4}
    assert {case.recording.audio()[1] for case in found["refiner-speech"]} == {16000}


def test_all_channels_are_kept_at_the_recordings_own_rates(tmp_path, quick):
    import soundfile

    sound = 0.1 * np.random.default_rng(0).standard_normal((60000, 2))
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "stereo.wav", sound, 22050)
    (case, *_) = preset("refiner-rates")(setting(tmp_path, tmp_path / "clips")).results.cases
    assert case.recording.audio()[0].shape == (2, 60000)


def test_what_is_missing_is_one_line(tmp_path, quick, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="give music=FOLDER notes=FOLDER, or build the open corpus"):
        preset("refiner")(setting(tmp_path))
    tone(tmp_path / "short" / "a.wav", seconds=0.5)
    with pytest.raises(InputError, match="no gap fits"):
        preset("refiner")(setting(tmp_path, tmp_path / "short"))


def test_the_open_corpus_is_taken_where_nothing_is_named(tmp_path, quick, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tone(tmp_path / "data" / "open" / "music" / "a.wav", seconds=2.0)
    assert {case.recording.kind for case in preset("refiner")(setting(tmp_path)).results.cases} == {"music"}


def test_the_command_writes_the_tables_with_bins_beside_a_method_of_the_user(tmp_path, quick, capsys):
    tone(tmp_path / "clips" / "steady.wav", seconds=2.0)
    tone(tmp_path / "clips" / "noisy.wav", seconds=2.0, noise=0.5)
    out = tmp_path / "out"
    command = ["benchmark", "--preset", "refiner", "--quick", f"music={tmp_path / 'clips'}", "-o", str(out)]
    assert main([*command, "--methods", "burg:order=10", "--workers", "1"]) == 0
    assert "burg:order=10 minus janssen:iterations=1" in capsys.readouterr().out
    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == {*QUICK.values(), "burg:order=10"}
    assert {row["bin"].partition(":")[0] for row in rows} == {"", "janssen"}
    assert "janssen:iterations=1: SNR_TD" in (out / "report.html").read_text()
