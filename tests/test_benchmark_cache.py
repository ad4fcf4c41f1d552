"""What is taken from a benchmark's cache and what is computed again when code has changed."""

import pytest
from benchmark_cases import folder

from audio_inpaint.benchmark import cache, fingerprints, masks
from audio_inpaint.benchmark.engine import run
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.methods import sources
from audio_inpaint.methods.registry import names
from audio_inpaint.methods.sources import digest

COUNTING = """
from pathlib import Path
class Counting:
    context = 0.2
    def __call__(self, audio, gap, sample_rate):
        with Path(__file__).with_suffix(".calls").open("a") as calls:
            calls.write("x")
        return audio.masked_fill(gap, 0)
"""


@pytest.fixture
def cases(tmp_path):
    (one,) = recordings([str(folder(tmp_path / "clips", kinds=("music",), each=1))])
    return masks.single(one, 0, (20, 40), 1, 128.0, seed=0)


def test_a_changed_score_is_computed_again_from_the_fills_that_are_there(tmp_path, cases, monkeypatch):
    (tmp_path / "counting.py").write_text(COUNTING)
    method, calls, kept = f"{tmp_path / 'counting.py'}:Counting", tmp_path / "counting.calls", tmp_path / "cache"
    run([method], cases, ["snr_td", "lsd"], kept)
    assert calls.read_text() == "xx"
    for path in kept.rglob("*.npz"):  # as an older version with other scores would have left it
        entry = cache.load(kept, path.stem)
        entry.scores, entry.scored_by = {"snr_td": 99.0, "lsd": 99.0}, "older"
        cache.save(kept, path.stem, entry)

    rows = run([method], cases, ["snr_td"], kept).rows

    assert calls.read_text() == "xx"
    assert [row.scores for row in rows] == [{"snr_td": 0.0}] * 2
    assert [list(cache.load(kept, row.key).scores) for row in rows] == [["snr_td"]] * 2  # no old score is left


def test_a_changed_method_makes_its_fills_anew(tmp_path, cases):
    (tmp_path / "counting.py").write_text(COUNTING)
    method, calls = f"{tmp_path / 'counting.py'}:Counting", tmp_path / "counting.calls"
    run([method], cases, ["snr_td"], tmp_path / "cache")
    (tmp_path / "counting.py").write_text(COUNTING.replace("fill(gap, 0)", "fill(gap, 0.1)"))
    rows = run([method], cases, ["snr_td"], tmp_path / "cache").rows
    assert calls.read_text() == "xxxx"
    assert all(row.scores["snr_td"] < -0.1 for row in rows)


def test_scores_are_made_of_every_score_and_fills_of_none(monkeypatch):
    package = fingerprints._DAMAGED[1].parent
    scores = {path for path in (package / "scores").rglob("*.py") if path.name != "torch_metrics.py"}
    assert scores <= set(fingerprints.files_of_scores())
    assert not scores & set(fingerprints.files_of_fills())
    for name in names():
        own = sources.closure(fingerprints.registry._made_of(name)[0])
        assert own
        assert not scores & set(own), name


@pytest.mark.parametrize(
    "part", ["benchmark/restoration.py", "repairing.py", "filling.py", "spans.py", "dsp/resampling.py", "gaps.py"]
)
def test_fills_are_made_of_all_that_leads_to_a_method(part):
    package = fingerprints._DAMAGED[1].parent
    assert package / part in fingerprints.files_of_fills()


def test_an_edit_of_one_file_changes_the_fingerprint_of_all(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    files = sorted(tmp_path.iterdir())
    before = digest(files)
    (tmp_path / "two.py").write_text("# other\n")
    assert digest(files) != before


@pytest.mark.parametrize("changed", ["of_fills", "of_scores"])
def test_the_fingerprints_are_those_of_the_files(changed, monkeypatch):
    before = {name: getattr(fingerprints, name)(*given) for name, given in (("of_fills", ["burg"]), ("of_scores", []))}
    files = {"of_fills": "files_of_fills", "of_scores": "files_of_scores"}[changed]
    monkeypatch.setattr(fingerprints, files, lambda: ())
    after = {name: getattr(fingerprints, name)(*given) for name, given in (("of_fills", ["burg"]), ("of_scores", []))}
    assert {name for name in before if before[name] != after[name]} == {changed}
