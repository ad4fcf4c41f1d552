"""An index of further recordings is kept on the disk, and made anew where it no longer holds."""

import os
import time
from contextlib import nullcontext

import numpy as np
import pytest
import soundfile
from episodes import GAPS, METHOD, OTHER
from programmes import RATE, sound

from audio_inpaint import repair_file
from audio_inpaint.also import opened as opening
from audio_inpaint.files.recording import Reader, read
from audio_inpaint.pool import index
from audio_inpaint.pool.index import cache_folder, index_of

pytestmark = pytest.mark.usefixtures("pool_cache")


def reading(monkeypatch):
    """Count the samples that files give from now on, by name."""
    seen, original = {}, Reader.read

    def counting(self, start, stop):
        seen[self.path.name] = seen.get(self.path.name, 0) + stop - start
        return original(self, start, stop)

    monkeypatch.setattr(Reader, "read", counting)
    return seen


def test_a_second_run_reads_excerpts_alone(episodes, monkeypatch):
    soundfile.write("episodes/unrelated.flac", 0.1 * np.random.default_rng(0).standard_normal(60 * RATE), RATE)
    first = repair_file("damaged.wav", "first.wav", GAPS[1:], METHOD, also=["episodes"])
    assert "2 of them indexed in" in first.also[0]
    seen = reading(monkeypatch)
    second = repair_file("damaged.wav", "second.wav", GAPS[1:], METHOD, also=["episodes"])
    assert second.also[0] == "also: 2 recordings, 1.3 min"
    assert seen["two.flac"] < 18 * RATE
    assert seen.get("unrelated.flac", 0) < 25 * RATE
    assert (episodes / "first.wav").read_bytes() == (episodes / "second.wav").read_bytes()


def opened(path):
    return lambda: nullcontext(sound(read(path)[0].numpy()))


@pytest.mark.parametrize("fault", ["cut", "flipped", "empty", "text"])
def test_a_damaged_index_is_made_anew(episodes, pool_cache, fault):
    whole, new = index_of(episodes / "episodes/two.flac", opened("episodes/two.flac"))
    assert new
    whole = whole.copy()
    [place] = pool_cache.iterdir()
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes({"cut": data[:-100], "flipped": data, "empty": b"", "text": b"no index"}[fault])
    again, new = index_of(episodes / "episodes/two.flac", opened("episodes/two.flac"))
    assert new
    assert np.array_equal(again, whole)
    assert not index_of(episodes / "episodes/two.flac", opened("episodes/two.flac"))[1]


def test_a_recording_that_changed_is_indexed_anew(episodes):
    path = episodes / "episodes/two.flac"
    index_of(path, opened(path))
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
    assert index_of(path, opened(path))[1]


def test_indexes_used_longest_ago_go_first(episodes, pool_cache, monkeypatch):
    monkeypatch.setattr(index, "_MOST", 1_000_000)  # three of them
    for number in range(5):
        path = episodes / f"{number}.wav"
        soundfile.write(path, OTHER[0], RATE)
        index_of(path, opened(path))
        time.sleep(0.02)
        index_of(episodes / "0.wav", opened(episodes / "0.wav"))
    kept = [
        number for number in range(5) if not index_of(episodes / f"{number}.wav", opened(episodes / f"{number}.wav"))[1]
    ]
    assert 0 in kept
    assert 1 not in kept
    assert sum(place.stat().st_size for place in pool_cache.iterdir()) <= 1_000_000


def test_without_a_cache_it_works_all_the_same(episodes, monkeypatch):
    (episodes / "nowhere").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(episodes / "nowhere"))
    samples, new = index_of(episodes / "episodes/two.flac", opened("episodes/two.flac"))
    assert new
    assert len(samples) == 20 * 8000
    assert index_of(episodes / "episodes/two.flac", opened("episodes/two.flac"))[1]


def test_the_cache_lies_where_the_system_says(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache" / "audio_inpaint" / "pool"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().parts[-3:] == (".cache", "audio_inpaint", "pool")


@pytest.mark.parametrize("length", [1, 10, 1000])
def test_next_to_no_sound_is_indexed(episodes, length):
    soundfile.write("short.wav", np.ones(length), RATE)
    for new in (True, False):
        samples, made = index_of(episodes / "short.wav", opened("short.wav"))
        assert made == new
        assert abs(len(samples) - length / 2) <= 1


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are counted there")
def test_no_file_stays_open(episodes):
    """A folder may hold more files than a process may open."""
    for number in range(5):
        soundfile.write(f"episodes/{number}.wav", OTHER[:, : 2 * RATE].T, RATE)
    before = len(os.listdir("/proc/self/fd"))
    with opening(["episodes"]) as also:
        assert len(also.pool.others) == 6
        assert len(os.listdir("/proc/self/fd")) <= before + 1
