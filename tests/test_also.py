"""What a gap lost is looked for in further recordings, which an index on the disk keeps ready."""

import json
import os
import time
from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr
import torch
from programmes import RATE, programme, sound

from audio_inpaint import InputError, repair, repair_file
from audio_inpaint.also import opened as opening
from audio_inpaint.cli import main
from audio_inpaint.files.recording import Reader, read
from audio_inpaint.gaps import Gap
from audio_inpaint.pool import excerpts as excerpting
from audio_inpaint.pool import index
from audio_inpaint.pool.excerpts import Other, Pool
from audio_inpaint.pool.index import cache_folder, index_of, signal_of

JINGLE = programme(3, 2, seed=2)
EPISODE = programme(12, 2, seed=1)
EPISODE[:, 5 * RATE : 8 * RATE] = JINGLE
OTHER = programme(20, 2, seed=3)
OTHER[:, 11 * RATE + 123 : 14 * RATE + 123] = 0.5 * JINGLE
GAPS = [(2 * RATE, 2 * RATE + 1024), (6 * RATE, 6 * RATE + 1024), (7 * RATE, 7 * RATE + 800)]
METHOD = "auto:refine=false"  # what is searched is the same
SPEC = ",".join(f"{start}:{stop}" for start, stop in GAPS)


def damaged(junk=0.0):
    audio = EPISODE.copy()
    for start, stop in GAPS:
        audio[:, start:stop] = junk
    return audio


def snr(repaired, start, stop):
    error = (repaired - EPISODE)[:, start:stop]
    return 10 * np.log10(np.square(EPISODE[:, start:stop]).sum() / np.square(error).sum())


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "audio_inpaint" / "pool"


@pytest.fixture(scope="module")
def alone():
    return repair(damaged(), GAPS, RATE, METHOD)


@pytest.fixture(scope="module")
def with_other():
    return repair(damaged(), GAPS, RATE, METHOD, also=[OTHER])


def test_what_another_recording_plays_too_comes_back(alone, with_other):
    for gap in GAPS[1:]:
        assert snr(with_other.audio, *gap) > 40 > 20 + snr(alone.audio, *gap)
    assert abs(snr(with_other.audio, *GAPS[0]) - snr(alone.audio, *GAPS[0])) < 0.5


def test_known_samples_come_back_bit_for_bit_and_lost_ones_change_no_bit(with_other):
    known = np.ones(EPISODE.shape[-1], bool)
    for start, stop in GAPS:
        known[start:stop] = False
    assert np.array_equal(with_other.audio[:, known], EPISODE[:, known])
    again = repair(damaged(np.nan), GAPS, RATE, METHOD, also=[OTHER])
    assert np.array_equal(again.audio, with_other.audio)
    assert again.explanations == with_other.explanations


def test_where_it_was_heard_is_told(with_other):
    first, *others = with_other.explanations
    assert first.drawn_on is None
    for one, start in zip(others, (1.0, 2.0), strict=True):
        assert one.drawn_on.name == "recording 1"
        assert one.drawn_on.seconds == pytest.approx(11 + 123 / RATE + start, abs=1 / RATE)
        assert one.label.endswith(f"from {one.drawn_on.place}")
    assert with_other.also == ["also: 1 recording, 0.3 min", "also: 2 of 3 fills draw on recording 1"]


@pytest.mark.parametrize("rate", [48000, 22050])
def test_another_rate_and_one_channel(rate):
    """One channel of stereo that has the same in both."""
    both = np.stack([damaged().mean(0)] * 2)
    other = soxr.resample(OTHER.mean(0), RATE, rate, quality="VHQ")
    repaired = repair(both, GAPS[1:], RATE, METHOD, also=[(other, rate)])
    truth = EPISODE.mean(0)
    for start, stop in GAPS[1:]:
        error = (repaired.audio - truth)[:, start:stop]
        assert 2 * np.square(truth[start:stop]).sum() / np.square(error).sum() > 10**2.5


def test_one_channel_lost():
    audio = EPISODE.copy()
    start, stop = GAPS[1]
    audio[0, start:stop] = 0
    repaired = repair(audio, [(start, stop, 0)], RATE, METHOD, also=[OTHER]).audio
    assert np.array_equal(repaired[1], EPISODE[1])
    assert snr(repaired, start, stop) > 30


def test_unrelated_recordings_change_next_to_nothing(alone):
    """What is like the gap by chance is not like it beyond what was compared."""
    repaired = repair(damaged(), GAPS, RATE, METHOD, also=[programme(60, 2, seed=9), programme(60, 2, seed=10)])
    assert all(abs(snr(repaired.audio, *gap) - snr(alone.audio, *gap)) < 0.1 for gap in GAPS)
    assert repaired.also == ["also: 2 recordings, 2.0 min", "also: no fill draws on them"]


@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_a_recording_that_lost_the_same_is_no_evidence_though_it_knows_all_rehearsals(alone, noise):
    other = damaged()
    for start, stop in GAPS:
        other[:, start:stop] = noise * np.random.default_rng(start).standard_normal((2, stop - start))
    repaired = repair(damaged(), GAPS, RATE, METHOD, also=[other])
    for gap in GAPS:
        assert snr(repaired.audio, *gap) > snr(alone.audio, *gap) - 0.3
    assert noise or repaired.also[-1] == "also: no fill draws on them"


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(InputError, match="the sample rate is a whole number of Hz"):
        repair(damaged(), GAPS, RATE, METHOD, also=[(OTHER, 0)])


@pytest.mark.parametrize("given", ["other.wav", np.zeros((1, RATE))])
def test_a_recording_alone_is_put_in_a_list(given):
    with pytest.raises(InputError, match="put this one in a list"):
        repair(damaged(), GAPS, RATE, METHOD, also=given)


def test_methods_that_search_nothing_refuse_them():
    with pytest.raises(InputError, match="Janssen makes no use of further recordings: take auto or recall"):
        repair(damaged(), GAPS, RATE, "janssen", also=[OTHER])


def test_excerpts_are_read_in_time_and_only_so_many(monkeypatch):
    monkeypatch.setattr(excerpting, "_MOST", 20.0)
    long = programme(100, seed=5)
    signal = signal_of(sound(long))
    pool = Pool([Other("long", lambda: signal, len(signal), lambda: nullcontext(sound(long)))])
    ours = torch.from_numpy(soxr.resample(long[0], RATE, 24000, quality="VHQ"))[None]
    runs = [Gap(round(second * 24000), round(second * 24000) + 500) for second in np.arange(2.0, 90.0, 2.0)]
    excerpts = pool.excerpts(ours, torch.zeros(ours.shape[-1], dtype=torch.bool), runs, 6000, 24000)
    assert 18 < sum(one.audio.shape[-1] for one in excerpts) / 24000 <= 20
    for one in excerpts:
        start = one.start * 24000
        own = ours[:, round(start) + 200 : round(start) + one.audio.shape[-1] - 200]
        heard = one.audio[:, 200:][:, : own.shape[-1]]
        shift = start - round(start)
        assert abs(shift) < 1e-6 or abs(shift) <= 0.5
        if abs(shift) < 0.01:
            assert float((heard - own).norm() / own.norm()) < 0.05
    assert all(a.start + a.audio.shape[-1] / 24000 <= b.start for a, b in pairwise(excerpts))


# ---- the index


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("damaged.wav", damaged().T, RATE, "FLOAT")
    (tmp_path / "episodes").mkdir()
    soundfile.write("episodes/two.flac", OTHER.T, RATE)
    return tmp_path


def reading(monkeypatch):
    """Count the samples that files give from now on, by name."""
    seen, original = {}, Reader.read

    def counting(self, start, stop):
        seen[self.path.name] = seen.get(self.path.name, 0) + stop - start
        return original(self, start, stop)

    monkeypatch.setattr(Reader, "read", counting)
    return seen


def test_a_second_run_reads_excerpts_alone(files, monkeypatch):
    soundfile.write("episodes/unrelated.flac", 0.1 * np.random.default_rng(0).standard_normal(60 * RATE), RATE)
    first = repair_file("damaged.wav", "first.wav", GAPS[1:], METHOD, also=["episodes"])
    assert "2 of them indexed in" in first.also[0]
    seen = reading(monkeypatch)
    second = repair_file("damaged.wav", "second.wav", GAPS[1:], METHOD, also=["episodes"])
    assert second.also[0] == "also: 2 recordings, 1.3 min"
    assert seen["two.flac"] < 18 * RATE
    assert seen.get("unrelated.flac", 0) < 25 * RATE
    assert (files / "first.wav").read_bytes() == (files / "second.wav").read_bytes()


def opened(path):
    return lambda: nullcontext(sound(read(path)[0].numpy()))


@pytest.mark.parametrize("fault", ["cut", "flipped", "empty", "text"])
def test_a_damaged_index_is_made_anew(files, cache, fault):
    whole, new = index_of(files / "episodes/two.flac", opened("episodes/two.flac"))
    assert new
    whole = whole.copy()
    [place] = cache.iterdir()
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes({"cut": data[:-100], "flipped": data, "empty": b"", "text": b"no index"}[fault])
    again, new = index_of(files / "episodes/two.flac", opened("episodes/two.flac"))
    assert new
    assert np.array_equal(again, whole)
    assert not index_of(files / "episodes/two.flac", opened("episodes/two.flac"))[1]


def test_a_recording_that_changed_is_indexed_anew(files):
    path = files / "episodes/two.flac"
    index_of(path, opened(path))
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
    assert index_of(path, opened(path))[1]


def test_indexes_used_longest_ago_go_first(files, cache, monkeypatch):
    monkeypatch.setattr(index, "_MOST", 1_000_000)  # three of them
    for number in range(5):
        path = files / f"{number}.wav"
        soundfile.write(path, OTHER[0], RATE)
        index_of(path, opened(path))
        time.sleep(0.02)
        index_of(files / "0.wav", opened(files / "0.wav"))
    kept = [number for number in range(5) if not index_of(files / f"{number}.wav", opened(files / f"{number}.wav"))[1]]
    assert 0 in kept
    assert 1 not in kept
    assert sum(place.stat().st_size for place in cache.iterdir()) <= 1_000_000


def test_without_a_cache_it_works_all_the_same(files, monkeypatch):
    (files / "nowhere").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(files / "nowhere"))
    samples, new = index_of(files / "episodes/two.flac", opened("episodes/two.flac"))
    assert new
    assert len(samples) == 20 * 8000
    assert index_of(files / "episodes/two.flac", opened("episodes/two.flac"))[1]


def test_the_cache_lies_where_the_system_says(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache" / "audio_inpaint" / "pool"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().parts[-3:] == (".cache", "audio_inpaint", "pool")


@pytest.mark.parametrize("length", [1, 10, 1000])
def test_next_to_no_sound_is_indexed(files, length):
    soundfile.write("short.wav", np.ones(length), RATE)
    for new in (True, False):
        samples, made = index_of(files / "short.wav", opened("short.wav"))
        assert made == new
        assert abs(len(samples) - length / 2) <= 1


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are counted there")
def test_no_file_stays_open(files):
    """A folder may hold more files than a process may open."""
    for number in range(5):
        soundfile.write(f"episodes/{number}.wav", OTHER[:, : 2 * RATE].T, RATE)
    before = len(os.listdir("/proc/self/fd"))
    with opening(["episodes"]) as also:
        assert len(also.pool.others) == 6
        assert len(os.listdir("/proc/self/fd")) <= before + 1


# ---- the command


def test_the_command(files, capsys):
    (files / "episodes/broken.wav").write_bytes(b"RIFF, but no sound")
    (files / "episodes/empty.flac").write_bytes(b"")
    os.link("damaged.wav", "episodes/same.wav")
    arguments = ["inpaint", "damaged.wav", "-o", "fixed.wav", "--gaps", SPEC, "--method", METHOD, "--also", "episodes"]
    assert main([*arguments, "--labels", "labels.txt", "--report", "--log"]) == 0
    shown = capsys.readouterr().out
    assert "also: passed over: episodes/broken.wav cannot be read as audio" in shown
    assert "also: passed over: episodes/empty.flac is empty" in shown
    assert "also: 2 of 3 fills draw on two.flac" in shown
    repaired, _ = read("fixed.wav")
    assert all(snr(repaired.numpy(), *gap) > 35 for gap in GAPS[1:])
    assert (files / "labels.txt").read_text().count("from two.flac at 1") == 2
    assert "two.flac at 12.0" in (files / "fixed.html").read_text()
    log = json.loads((files / "fixed.wav.json").read_text())
    assert [one.get("from", {}).get("recording") for one in log["gaps"]] == [None, "two.flac", "two.flac"]
    assert log["gaps"][1]["from"]["seconds"] == pytest.approx(12 + 123 / RATE, abs=1e-3)
    assert log["also"][-1] == "also: 2 of 3 fills draw on two.flac"


def test_what_is_written_is_not_searched(files, capsys):
    """The repaired file of another day lies in the folder, too."""
    soundfile.write("episodes/fixed.wav", EPISODE.T, RATE, "FLOAT")
    gap = f"{GAPS[0][0]}:{GAPS[0][1]}"
    arguments = [
        "inpaint",
        "damaged.wav",
        "-o",
        "episodes/fixed.wav",
        "--gaps",
        gap,
        "--method",
        METHOD,
        "--also",
        "episodes",
    ]
    assert main([*arguments, "--overwrite"]) == 0
    assert "no fill draws on them" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ("missing.wav", "missing.wav cannot be read: No such file"),
        ("damaged.wav", "the further recording damaged.wav is the recording itself"),
        ("fixed.wav", "the output fixed.wav is the further recording itself"),
        ("nothing", "the folder nothing holds no audio files"),
        ("text.txt", "text.txt is no audio, whatever its name says: it holds text"),
    ],
)
def test_recordings_that_cannot_be_used(files, capsys, also, message):
    (files / "text.txt").write_text("no sound")
    (files / "nothing").mkdir()
    if also == "fixed.wav":
        soundfile.write("fixed.wav", np.zeros(RATE), RATE)
    arguments = [
        "inpaint",
        "damaged.wav",
        "-o",
        "fixed.wav",
        "--gaps",
        SPEC,
        "--method",
        METHOD,
        "--also",
        also,
        "--overwrite",
    ]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    with pytest.raises(InputError):
        repair_file("damaged.wav", "fixed.wav", GAPS, METHOD, also=[also], overwrite=True)


def test_a_dry_run_expects_what_the_search_brings(files, capsys):
    def expected(*also):
        options = ["--gaps", SPEC, "--method", METHOD, "--dry-run", "--json"]
        assert main(["inpaint", "damaged.wav", "-o", "out.wav", *options, *also]) == 0
        return json.loads(capsys.readouterr().out)

    alone, searched = expected(), expected("--also", "episodes")
    assert alone["also"] == []
    assert searched["also"][-1] == "also: 2 of 3 fills draw on two.flac"
    assert searched["expected"][0]["snr"] > 10 + alone["expected"][0]["snr"]
    assert not os.path.exists("out.wav")
