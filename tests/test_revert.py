"""The original of a repaired file comes back bit for bit; a log says what was done."""

import hashlib
import json
import re
import zipfile

import numpy as np
import pytest
import soundfile
from test_cli import damaged, run

from audio_inpaint.files.difference import keep_difference
from audio_inpaint.gap_files import read_gaps
from audio_inpaint.gaps import Gap


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stereo(path, **options):
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (16000, 2))
    audio[6000:6480] = 0
    soundfile.write(path, audio, 16000, **options)
    return path


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au", ".flac", ".ogg"])
def test_what_was_repaired_can_be_reverted_bit_for_bit(here, capsys, suffix):
    source = stereo(here / f"in{suffix}")
    assert run("inpaint", source.name, "-o", f"out{suffix}", "--gaps", "6000:6480", "--keep-original") == 0
    assert (here / f"out{suffix}").read_bytes() != source.read_bytes()
    assert run("revert", f"out{suffix}", "-o", f"back{suffix}") == 0
    assert (here / f"back{suffix}").read_bytes() == source.read_bytes()
    assert hashlib.sha256(source.read_bytes()).hexdigest() in capsys.readouterr().out
    if suffix in (".wav", ".aiff", ".au"):
        assert (here / f"out{suffix}.original").stat().st_size < 5000


def test_a_repaired_file_that_was_changed_is_not_reverted(here, capsys):
    stereo(here / "in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480", "--keep-original") == 0
    content = bytearray((here / "out.wav").read_bytes())
    content[-1] ^= 1
    (here / "out.wav").write_bytes(content)
    assert run("revert", "out.wav", "-o", "back.wav") == 2
    assert "out.wav is not the file that out.wav.original belongs to" in capsys.readouterr().err
    assert not (here / "back.wav").exists()


@pytest.mark.parametrize("place", [0, 40, -200, -30])
def test_a_damaged_difference_is_refused_in_one_line(here, capsys, place):
    stereo(here / "in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480", "--keep-original") == 0
    content = bytearray((here / "out.wav.original").read_bytes())
    content[place] ^= 255
    (here / "out.wav.original").write_bytes(content)
    code = run("revert", "out.wav", "-o", "back.wav")
    said = capsys.readouterr().err
    if code == 0:  # a byte that nothing depends on
        assert (here / "back.wav").read_bytes() == (here / "in.wav").read_bytes()
    else:
        assert code == 2
        assert "is damaged, or no difference file" in said or "is damaged: what it gives is not" in said
        assert said.count("\n") == 1
        assert not (here / "back.wav").exists()


def test_ranges_that_lead_out_of_the_file_are_refused(here, capsys):
    stereo(here / "in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480", "--keep-original") == 0
    with zipfile.ZipFile("out.wav.original") as archive:
        about, kept = json.loads(archive.read("about.json")), archive.read("bytes")
    for ranges in ([[10**9, 4]], [[0, 10**12]], [[-5, 4]], [["a", 1]], 7):
        with zipfile.ZipFile("evil", "w") as archive:
            archive.writestr("about.json", json.dumps(about | {"ranges": ranges}))
            archive.writestr("bytes", kept)
        assert run("revert", "out.wav", "-o", "back.wav", "--from", "evil") == 2
        assert "evil is damaged" in capsys.readouterr().err
    assert not (here / "back.wav").exists()


def test_nothing_that_is_read_is_written_by_revert(here, capsys):
    stereo(here / "in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480", "--keep-original") == 0
    for output in ("out.wav", "out.wav.original"):
        assert run("revert", "out.wav", "-o", output, "--overwrite") == 2
        assert "itself: name another file" in capsys.readouterr().err
    assert run("revert", "out.wav", "-o", "in.wav") == 2
    assert "in.wav exists" in capsys.readouterr().err
    assert run("revert", "in.wav", "-o", "back.wav") == 2
    assert "there is no file in.wav.original" in capsys.readouterr().err


def test_differences_across_blocks_are_few_ranges(here, monkeypatch):
    monkeypatch.setattr("audio_inpaint.files.difference._BLOCK", 1000)
    one, other = (np.zeros(5000, np.uint8) for _ in range(2))
    other[900:1100] = 1
    other[1150:1160] = 1
    other[4990:] = 1
    one.tofile("one")
    other.tofile("other")
    from pathlib import Path

    keep_difference(Path("one"), Path("other"), Path("kept"))
    with zipfile.ZipFile("kept") as archive:
        assert json.loads(archive.read("about.json"))["ranges"] == [[900, 260], [4990, 10]]


def test_the_log_says_what_was_done(here):
    damaged(here / "in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480,9000:9100", "--log") == 0
    log = json.loads((here / "out.wav.json").read_text())
    assert log["output"] == {"path": "out.wav", "sha256": hashlib.sha256((here / "out.wav").read_bytes()).hexdigest()}
    assert log["input"]["sha256"] == hashlib.sha256((here / "in.wav").read_bytes()).hexdigest()
    assert log["command"].startswith("audio-inpaint inpaint in.wav -o out.wav")
    assert [(gap["start"], gap["stop"], gap["filled"]) for gap in log["gaps"]] == [
        (6000, 6480, True),
        (9000, 9100, True),
    ]
    assert all(isinstance(gap["label"], str) for gap in log["gaps"])


def test_a_gap_that_was_explained_channel_by_channel_is_in_the_log_and_on_the_page(here):
    """As one of all channels is beside a gap of one channel."""
    stereo(here / "in.wav")
    (here / "gaps.txt").write_text("0.375\t0.405\n0.7\t0.72\tch2\n")
    assert (
        run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "gaps.txt", "--method", "recall", "--log", "--report") == 0
    )
    whole, one = json.loads((here / "out.wav.json").read_text())["gaps"]
    assert (whole["channel"], one["channel"]) == (None, 2)
    assert whole["label"]
    assert one["label"]
    data = re.search(r'id="page-data">(.*?)</script>', (here / "out.html").read_text(), re.DOTALL)[1]
    listed = json.loads(data)["lists"][0]["gaps"]
    assert [gap["label"] for gap in listed] == [whole["label"], one["label"]]
    assert [gap["doubtful"] for gap in listed] == [whole["check"], one["check"]]


@pytest.mark.parametrize(("option", "name"), [("--log", "out.wav.json"), ("--keep-original", "out.wav.original")])
def test_what_is_left_beside_an_output_replaces_nothing(here, capsys, option, name):
    damaged(here / "in.wav")
    (here / name).write_text("mine")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480", option) == 2
    assert f"{name} exists" in capsys.readouterr().err
    assert (here / name).read_text() == "mine"
    assert not (here / "out.wav").exists()


def test_rejected_gaps_stay_as_they_are_and_are_not_used(here):
    """The click in a rejected gap is no evidence for the one that is filled beside it."""
    rate, click = 16000, slice(8000, 8200)
    audio = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / rate)
    audio[7000:7300] = 0
    audio[click] = 0.9
    soundfile.write("in.wav", audio, rate)
    (here / "labels.txt").write_text("0.4375\t0.45625\taccept\n0.5\t0.5125\trejected by ear\n")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--accept", "labels.txt", "--method", "janssen", "--log") == 0
    before, after = (soundfile.read(name)[0] for name in ("in.wav", "out.wav"))
    assert np.array_equal(after[click], before[click])
    truth = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / rate)
    assert np.abs(after[7000:7300] - truth[7000:7300]).max() < 0.01
    assert np.array_equal(np.delete(after, np.s_[7000:7300]), np.delete(before, np.s_[7000:7300]))
    assert [gap["filled"] for gap in json.loads((here / "out.wav.json").read_text())["gaps"]] == [True, False]


def test_rejected_gaps_take_no_time(here, capsys):
    """No method is called for them, nor does a method that is told which gaps are wanted get them."""
    stereo("in.wav")
    labels = ["0.1\t0.11\treject", "0.375\t0.405\taccept", "0.9\t0.91\treject ch1", "0.92\t0.93\treject"]
    (here / "labels.txt").write_text("\n".join(labels))
    (here / "mine.py").write_text(
        "class Spy:\n"
        "    context = 0.02\n"
        "    def __call__(self, audio, gap, sample_rate):\n"
        "        raise AssertionError\n"
        "    def explain(self, audio, gap, sample_rate, wanted):\n"
        "        print('asked', audio.shape[-1], [(one.start, one.stop) for one in wanted])\n"
        "        return audio.masked_fill(gap, 0), []\n"
    )
    assert run("inpaint", "in.wav", "-o", "out.wav", "--accept", "labels.txt", "--method", "mine.py:Spy") == 0
    asked = [line for line in capsys.readouterr().out.splitlines() if line.startswith("asked")]
    assert asked == ["asked 1120 [(320, 800)]"]
    assert (
        run("inpaint", "in.wav", "-o", "dry.wav", "--accept", "labels.txt", "--method", "mine.py:Spy", "--dry-run") == 0
    )
    said = capsys.readouterr().out
    assert "would fill 1 gap (30 ms)" in said
    assert said.count(" named ") == 1  # line of the table


def test_only_what_was_filled_is_counted_and_listed(here, capsys):
    stereo("in.wav")
    (here / "labels.txt").write_text("0.1\t0.11\taccept\n0.375\t0.405\taccept\n0.9\t0.93\treject\n")
    given = ["--accept", "labels.txt", "--method", "silence", "--labels", "filled.csv", "--verbose"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *given) == 0
    said = capsys.readouterr().out
    assert "2 gaps (40 ms of 1.0 s) filled" in said
    assert "0.900000 s" not in said
    assert read_gaps("filled.csv", 16000) == [Gap(1600, 1760), Gap(6000, 6480)]


def test_a_gap_of_all_channels_is_rejected_in_one(here):
    stereo(here / "in.wav")
    (here / "labels.txt").write_text("0.375\t0.405\taccept\n0.38\t0.39\treject ch2\n")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--accept", "labels.txt", "--method", "janssen") == 0
    before, after = (soundfile.read(name)[0] for name in ("in.wav", "out.wav"))
    same = before == after
    assert same[6080:6240, 1].all()
    assert not same[6000:6080].any()
    assert not same[6240:6480].any()
    assert not same[6080:6240, 0].any()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--accept", "gone.txt"], "there is no file gone.txt"),
        (["--accept", "empty.txt"], "empty.txt lists no gap that would be filled"),
        (["--accept", "plain.txt"], "plain.txt accepts no gap"),
        (["--accept", "empty.txt", "--gaps", "1:2"], "--accept is a list of gaps like --gaps: give one of them"),
    ],
)
def test_labels_that_accept_nothing_are_refused(here, capsys, given, words):
    damaged(here / "in.wav")
    (here / "empty.txt").touch()
    (here / "plain.txt").write_text("0.1\t0.2\tundecided\n0.3\t0.4\treject\n")
    assert run("inpaint", "in.wav", "-o", "out.wav", *given) == 2
    assert words in capsys.readouterr().err
    assert not (here / "out.wav").exists()


def test_a_tree_of_folders_is_kept_and_outputs_may_have_a_suffix(here, capsys):
    for name in ("a.wav", "one/b.wav", "one/two/c.wav", ".hidden/d.wav"):
        (here / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        damaged(here / "in" / name)
    common = ["--gaps", "6000:6480", "--method", "silence"]
    assert run("inpaint", "in", "-o", "new/out", "--recursive", "--suffix", "_repaired", "--labels", "l", *common) == 0
    made = {str(path.relative_to(here / "new/out")) for path in (here / "new/out").rglob("*") if path.is_file()}
    assert made == {"a_repaired.wav", "one/b_repaired.wav", "one/two/c_repaired.wav"}
    assert {str(path.relative_to(here / "l")) for path in (here / "l").rglob("*.txt")} == {
        "a.txt",
        "one/b.txt",
        "one/two/c.txt",
    }
    assert run("inpaint", "in/one/two/..", "-o", "flat", *common) == 0
    assert [path.name for path in (here / "flat").iterdir()] == ["b.wav"]
    (here / "in/a.wav").unlink()
    assert run("inpaint", "in", "-o", "flat2", *common) == 2
    assert "it has subfolders: add --recursive" in capsys.readouterr().err
    assert run("inpaint", "in", "-o", "flat2", "--recursive", "--suffix", "/x", *common) == 2
    assert "a suffix is a part of a file's name" in capsys.readouterr().err


def test_a_bug_in_one_file_of_a_batch_leaves_the_others_done(here, capsys):
    (here / "in").mkdir()
    for name in ("a.wav", "b.wav", "c.wav"):
        damaged(here / "in" / name)
    soundfile.write("in/b.wav", np.zeros(9000), 16000)  # shorter than the others
    (here / "mine.py").write_text(
        "def fragile(audio, gap, sample_rate):\n"
        "    assert audio.any(), 'all is silent'\n"
        "    return audio.masked_fill(gap, 0)\n"
    )
    assert run("inpaint", "in", "-o", "out", "--gaps", "6000:6480", "--method", "mine.py:fragile") == 2
    said = capsys.readouterr().err
    assert "AssertionError: all is silent" in said
    assert "This happened to in/b.wav" in said
    assert "1 of 3 files not restored: in/b.wav" in said
    assert sorted(path.name for path in (here / "out").iterdir()) == ["a.wav", "c.wav"]
