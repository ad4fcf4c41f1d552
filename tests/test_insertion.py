"""Time that a recording lacks is inserted: the output is longer, and everything after the place comes later."""

import json

import numpy as np
import pytest
import soundfile
from test_cli import refused, run

import audio_inpaint
from audio_inpaint import Gap, Insertion
from audio_inpaint.files.recording import Reader
from audio_inpaint.gap_files import parse_gaps, read_gaps
from audio_inpaint.insertions import earlier, inserted_of, later

RATE = 16000
AT, LENGTH = 16000, 240


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def whole(channels=1, seconds=2.5):
    time = np.arange(round(RATE * seconds)) / RATE
    noise = np.random.default_rng(0).standard_normal((len(time), channels)) / 1000
    return noise + np.stack([0.4 * np.sin(2 * np.pi * (330 + 110 * c) * time + 0.3) for c in range(channels)], 1)


def short(name, channels=1, **kind):
    """Write a tone of which 15 ms after a second were dropped; returns what the file holds, and the tone."""
    truth = whole(channels)
    soundfile.write(name, np.delete(truth, np.s_[AT : AT + LENGTH], axis=0), RATE, **kind)
    return soundfile.read(name, always_2d=True)[0], truth


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("in.wav", {}),
        ("in.wav", {"subtype": "PCM_24"}),
        ("in.wav", {"subtype": "FLOAT"}),
        ("in.wav", {"subtype": "PCM_16", "endian": "BIG"}),
        ("in.wav", {"subtype": "PCM_U8"}),
        ("in.rf64", {"format": "RF64"}),
        ("in.w64", {}),
        ("in.aiff", {}),
        ("in.aiff", {"subtype": "FLOAT"}),
        ("in.au", {}),
        ("in.flac", {}),
        ("in.caf", {}),
    ],
)
def test_the_output_is_longer_and_all_that_is_known_stays_bit_for_bit(here, name, kind, channels):
    before, truth = short(name, channels, **kind)
    out = f"out.{name.split('.')[1]}"
    assert run("inpaint", name, "-o", out, "--gaps", "1.0+0.015", "--method", "janssen") == 0
    after = soundfile.read(out, always_2d=True)[0]
    assert len(after) == len(before) + LENGTH
    assert np.array_equal(after[:AT], before[:AT])
    assert np.array_equal(after[AT + LENGTH :], before[AT:])
    assert np.abs(after - truth)[AT : AT + LENGTH].max() < 0.02
    assert (here / out).read_bytes()[:4] == (here / name).read_bytes()[:4]
    kept = soundfile.info(out), soundfile.info(name)
    assert kept[0].subtype == kept[1].subtype
    assert kept[0].format == kept[1].format


@pytest.mark.parametrize("suffix", [".ogg", ".mp3", ".opus"])
def test_lossy_files_become_longer_too(here, suffix):
    truth = whole()
    soundfile.write("in.wav", np.delete(truth, np.s_[AT : AT + LENGTH], axis=0), RATE)
    with Reader("in.wav") as reader:
        from audio_inpaint.files.recording import write

        write(f"in{suffix}", reader.read(0, reader.length), RATE)
    length = soundfile.info(f"in{suffix}").frames
    assert run("inpaint", f"in{suffix}", "-o", f"out{suffix}", "--gaps", "1.0+0.015", "--method", "janssen") == 0
    assert abs(soundfile.info(f"out{suffix}").frames - length - LENGTH) < 2000 * (suffix == ".mp3") + 1


def test_nothing_is_inserted_that_nobody_asked_for(here):
    before, _ = short("in.wav")
    before[8000:8480] = 0
    soundfile.write("in.wav", before, RATE)
    assert run("inpaint", "in.wav", "-o", "out.wav", "--method", "janssen") == 0
    assert soundfile.info("out.wav").frames == len(before)


def test_several_insertions_and_gaps_go_together(here):
    truth = whole()
    lacking = np.delete(truth, np.r_[8000:8160, 24000:24320], axis=0)
    lacking[12000 - 160 : 12400 - 160] = 0
    soundfile.write("in.wav", lacking, RATE)
    given = f"8000:+160,{12000 - 160}:{12400 - 160},{24000 - 160}:+320"
    labels = ["--labels", "filled.csv", "--log"]
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", given, "--method", "janssen", *labels) == 0
    assert np.abs(soundfile.read("out.wav")[0] - truth[:, 0]).max() < 0.02
    gaps = [Gap(8000, 8160), Gap(12000, 12400), Gap(24000, 24320)]
    assert read_gaps("filled.csv", RATE) == gaps
    text = (here / "filled.csv").read_text().splitlines()
    assert [line.endswith('ms inserted"') for line in text[1:]] == [True, False, True]
    log = json.loads((here / "out.wav.json").read_text())
    assert [(one["start"], one["stop"], one.get("inserted", 0)) for one in log["gaps"]] == [
        (8000, 8160, 160),
        (12000, 12400, 0),
        (24000, 24320, 320),
    ]
    assert log["samples"] == len(truth)
    assert log["insertions"] == [{"at": 8000, "length": 160}, {"at": 24000 - 160, "length": 320}]
    again = ["inpaint", "in.wav", "-o", "again.wav", "--gaps", "out.wav.json", "--method", "janssen"]
    assert run(*again) == 0
    assert (here / "again.wav").read_bytes() == (here / "out.wav").read_bytes()


def test_a_gap_across_an_insertion_is_one_with_it(here):
    _, truth = short("in.wav")
    given = f"{AT - 100}:{AT + 100},{AT}:+{LENGTH}"
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", given, "--method", "janssen", "--labels", "l.csv") == 0
    assert read_gaps("l.csv", RATE) == [Gap(AT - 100, AT + LENGTH + 100)]
    assert np.abs(soundfile.read("out.wav")[0] - truth[:, 0]).max() < 0.05


def test_padding_reaches_into_what_is_known_around_an_insertion(here):
    short("in.wav")
    options = ["--gaps", "1.0+0.015", "--pad", "1ms", "--method", "janssen", "--labels", "l.csv", "--log"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *options) == 0
    assert read_gaps("l.csv", RATE) == [Gap(AT - 16, AT + LENGTH + 16)]
    assert run("inpaint", "in.wav", "-o", "again.wav", "--gaps", "out.wav.json", "--method", "janssen") == 0
    assert (here / "again.wav").read_bytes() == (here / "out.wav").read_bytes()


def test_insertions_stay_in_place_when_labels_snap(here):
    before, _ = short("in.wav")
    before[30000:30400] = 0
    soundfile.write("in.wav", before, RATE)
    options = ["--gaps", "1.0+0.015,1.87-1.89", "--snap", "--method", "janssen", "--labels", "l.csv"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *options) == 0
    assert read_gaps("l.csv", RATE) == [Gap(AT, AT + LENGTH), Gap(30000 + LENGTH, 30400 + LENGTH)]


def test_labels_say_what_is_inserted(here):
    (here / "labels.txt").write_text(
        "1.0\t1.0\tinsert 15 ms\n1.2\t1.2\tinsert 160 samples here\n"
        "1.3\t1.31\tInsert 0.01 s\n1.4\t1.4\tinserted 5 ms?\n"
    )
    assert read_gaps("labels.txt", RATE) == [
        Insertion(16000, 240),
        Insertion(19200, 160),
        Insertion(20800, 160),
        Gap(20800, 20960),
        Gap(22400 - 16, 22400 + 16),
    ]
    assert parse_gaps("1e0 + .5, 16000:+240", RATE) == [Insertion(16000, 8000), Insertion(16000, 240)]


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au", ".rf64", ".flac"])
def test_the_original_comes_back_from_a_small_file(here, suffix):
    short(f"in{suffix}", 2, **({"format": "RF64"} if suffix == ".rf64" else {}))
    given = ["--gaps", "0.5+0.015,0.7-0.71,1.0+0.01", "--method", "janssen", "--keep-original"]
    assert run("inpaint", f"in{suffix}", "-o", f"out{suffix}", *given) == 0
    assert run("revert", f"out{suffix}", "-o", f"back{suffix}") == 0
    assert (here / f"back{suffix}").read_bytes() == (here / f"in{suffix}").read_bytes()
    if suffix != ".flac":
        assert (here / f"out{suffix}.original").stat().st_size < 5000


def test_what_is_shown_on_the_page_is_as_long_and_labels_go_back_to_the_input(here):
    before, truth = short("in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "1.0+0.015,1.5-1.51", "--report") == 0
    from browser import visit

    seen = visit(
        here / "out.html",
        """
        const [list] = judgings;
        seen.starts = list.rows.map((row) => row.gap.start).sort((a, b) => a - b);
        for (const row of list.rows) row.judgement.value = "accept";
        seen.labels = list.labels();
        seen.length = items[0].data.length;
        seen.said = list.rows.map((row) => [row.gap.start, row.line.cells[5].textContent]);
        """,
    ).seen
    assert seen["starts"] == [AT, 24000 + LENGTH]
    assert seen["length"] == len(truth)
    assert [text.endswith(", 15 ms inserted") for start, text in sorted(seen["said"])] == [True, False]
    (here / "labels.txt").write_text(seen["labels"])
    assert read_gaps("labels.txt", RATE) == [Insertion(AT, LENGTH), Gap(24000, 24160)]
    assert run("inpaint", "in.wav", "-o", "again.wav", "--accept", "labels.txt") == 0
    assert (here / "again.wav").read_bytes() == (here / "out.wav").read_bytes()
    (here / "labels.txt").write_text(seen["labels"].replace("accept insert", "reject insert"))
    assert run("inpaint", "in.wav", "-o", "shorter.wav", "--accept", "labels.txt") == 0
    assert soundfile.info("shorter.wav").frames == len(before)


def test_the_undamaged_file_is_as_long_as_the_output(here, capsys):
    short("in.wav")
    soundfile.write("clean.wav", whole(), RATE)
    common = ["inpaint", "in.wav", "--gaps", "1.0+0.015", "--method", "janssen", "--report", "--truth"]
    assert run(*common, "clean.wav", "-o", "out.wav") == 0
    assert "SNR" in (here / "out.html").read_text()
    soundfile.write("other.wav", whole()[:-1], RATE)
    assert "length than in.wav, with what is inserted" in refused(capsys, *common, "other.wav", "-o", "out2.wav")


def test_a_reference_is_heard_in_what_is_inserted(here):
    rng = np.random.default_rng(3)
    truth = np.convolve(rng.standard_normal(20 * RATE), np.hanning(7) / 7, "same")[:, None] / 4
    soundfile.write("in.wav", np.delete(truth, np.s_[5 * RATE : 5 * RATE + 320], axis=0), RATE)
    soundfile.write("other.wav", np.concatenate([np.zeros((4000, 1)), truth]), RATE)
    given = ["--gaps", "5.0+0.02", "--reference", "other.wav"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *given) == 0
    after = soundfile.read("out.wav")[0]
    error = (after - truth[:, 0])[5 * RATE : 5 * RATE + 320]
    assert 10 * np.log10((truth[5 * RATE : 5 * RATE + 320] ** 2).mean() / (error**2).mean()) > 15


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("1.0+0", "inserts nothing"),
        ("9.0+0.1", "lies outside the recording"),
        ("-1+0.1", "lies outside the recording"),
        ("1+100", "is longer than the recording"),
        ("1+1e300", "is not a time in seconds"),
        ("1+0.1,1+0.2", "is the second one there: insert their sum at once"),
        ("1+-0.1", "inserts nothing"),
    ],
)
def test_insertions_that_make_no_sense_are_refused(here, capsys, given, words):
    short("in.wav")
    assert words in refused(capsys, "inpaint", "in.wav", "-o", "out.wav", f"--gaps={given}")


def test_an_insertion_longer_than_max_gap_is_refused(here, capsys):
    short("in.wav")
    said = refused(capsys, "inpaint", "in.wav", "-o", "out.wav", "--gaps", "1+0.1", "--max-gap", "50ms")
    assert "more than --max-gap, 50 ms, would be inserted" in said


def test_python_inserts_in_files_and_in_memory(here):
    before, truth = short("in.wav", 2)
    given = [(8000, 8160), Insertion(AT, LENGTH)]
    done = audio_inpaint.repair_file("in.wav", "out.wav", given, "janssen")
    assert (done.length, done.insertions) == (len(truth), [Insertion(AT, LENGTH)])
    assert done.gaps == [Gap(8000, 8160), Gap(AT, AT + LENGTH)]
    same = audio_inpaint.repair(before.T, given, RATE, "janssen")
    assert same.audio.shape == (2, len(truth))
    assert np.abs(same.audio.T - truth).max() < 0.02
    assert np.array_equal(same.audio.T[AT + LENGTH :], before[AT:])
    alone = audio_inpaint.repair(before[:, 0], Insertion(AT, LENGTH), RATE, "janssen")
    assert alone.audio.shape == (len(truth),)
    with pytest.raises(audio_inpaint.InputError, match="is the second one there"):
        audio_inpaint.repair(before.T, [Insertion(5, 1), Insertion(5, 2)], RATE, "janssen")


def test_places_move_there_and_back():
    insertions = [Insertion(0, 3), Insertion(10, 5), Insertion(20, 1)]
    for place in range(30):
        assert earlier(later(place, insertions), insertions) == place
        assert earlier(later(place, insertions, end=True), insertions) == place
    assert [earlier(place, insertions) for place in (0, 2, 3, 13, 15, 18, 19)] == [0, 0, 0, 10, 10, 10, 11]
    assert inserted_of(Gap(12, 19), insertions) == 5
    assert inserted_of(Gap(14, 16), insertions) == 2
