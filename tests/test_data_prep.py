"""Layouts of FMA, NSynth and plain folders, and the conversion of a recording."""

import io

import numpy as np
import pytest
import soundfile
import torch
from prepared_sources import (
    audio_file,
    digests,
    fma_archives,
    fma_tree,
    nsynth_archives,
    nsynth_tree,
    samples_of,
    tone,
)

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import Segment
from data_prep import conversion, fma, folder, nsynth, recording, shards
from data_prep.conversion import Target

TARGET = Target(sample_rate=16000, segment=5120, context=2048, gap=1024, hop=512, silent=1e-3)


# Conversion


def test_decoding_mixes_to_mono_and_keeps_the_tones_below_7_khz_only():
    rate = 44100
    left, right = tone(3, rate, hertz=1000.0), tone(3, rate, hertz=9000.0)
    file = io.BytesIO()
    soundfile.write(file, np.hstack([left, right]), rate, format="WAV", subtype="FLOAT")
    audio, seconds = conversion.decode(file.getvalue(), 16000)
    assert seconds == pytest.approx(3)
    assert len(audio) == 48000
    expected = tone(3, 16000, hertz=1000.0)[:, 0] / 2
    assert np.abs(audio - expected)[800:-800].max() < 1e-4


def test_a_file_of_any_length_decodes_whole_across_blocks(monkeypatch):
    file = io.BytesIO()
    soundfile.write(file, tone(1, 44100, 2), 44100, format="FLAC")
    whole, _ = conversion.decode(file.getvalue(), 16000)
    for block in (44100, 11025, 1000):
        monkeypatch.setattr(conversion, "BLOCK", block)
        np.testing.assert_allclose(conversion.decode(file.getvalue(), 16000)[0], whole, atol=1e-6)


@pytest.mark.parametrize("length", [5000, 20000, 20480, 30011])
def test_trimming_keeps_what_lies_between_the_loud_frames(length):
    rng = np.random.default_rng(length)
    samples = np.zeros(length)
    samples[3000 : length - 1500] = 0.2 * rng.standard_normal(length - 4500)
    samples = conversion.to_16_bit(samples)
    padded = np.concatenate([samples, np.zeros(1024, np.int16)]) / 32768
    starts = [s for s in range(0, length, 512) if s == 0 or s + 1024 < length + 512]
    loud = [s for s in starts if np.sqrt(np.mean(padded[s : s + 1024] ** 2)) > 0.01]
    np.testing.assert_array_equal(conversion.trim(samples), samples[loud[0] : loud[-1] + 1024])


def test_trimming_leaves_nothing_of_quiet_and_all_of_loud():
    quiet = conversion.to_16_bit(tone(1, 16000, level=0.01)[:, 0])  # RMS 0.007
    assert len(conversion.trim(quiet)) == 0
    loud = conversion.to_16_bit(tone(1, 16000, level=0.02)[:, 0])
    np.testing.assert_array_equal(conversion.trim(loud), loud)


def test_segments_are_counted_as_training_sees_them():
    samples = conversion.to_16_bit(np.random.default_rng(0).standard_normal(20000) * 0.1)
    samples[15000:] = 0  # at one end: the place of the gap in its segment counts
    segment = Segment()
    windows = torch.from_numpy(samples / 32768).unfold(0, segment.length, 512)
    expected = len(windows), int(segment.audible(windows).sum())
    assert conversion.count_segments(samples, TARGET) == expected
    assert 0 < expected[1] < expected[0]


def test_a_hashed_split_gives_70_20_10():
    counts = dict.fromkeys(recording.SPLITS, 0)
    for index in range(5000):
        counts[recording.hashed_split(f"album {index}")] += 1
    assert [counts[split] / 5000 for split in recording.SPLITS] == pytest.approx([0.7, 0.2, 0.1], abs=0.02)


# Layouts


def test_fma_folder_and_archives_give_the_same_shards_by_the_published_split(tmp_path):
    tracks = {
        track: {"set.split": split, "set.subset": "small", "track.genre_top": "Rock", "track.title": f"Song, {track}",
                "track.license": "CC-BY", "artist.name": "A", "album.title": "B", "album.id": "7",
                "track.duration": "1"}
        for track, split in {2: "training", 5: "training", 1010: "validation", 140000: "test"}.items()
    }  # fmt: skip
    tree = fma_tree(tmp_path / "tree", tracks)
    archives = fma_archives(tree, tmp_path / "archives")
    first = shards.prepare("fma", [tree], tmp_path / "a")
    shards.prepare("fma", archives, tmp_path / "b")
    shards.prepare("fma", [tmp_path / "archives"], tmp_path / "c")
    assert digests(tmp_path / "a") == digests(tmp_path / "b") == digests(tmp_path / "c")
    found = samples_of(tmp_path / "a")
    assert {key: data["split"] for key, (_, data) in found.items()} == {
        "000002": "training", "000005": "training", "001010": "validation", "140000": "test",
    }  # fmt: skip
    audio, metadata = found["001010"]
    assert metadata == {
        "source": "fma 001010", "split": "validation", "licence": "CC-BY", "title": "Song, 1010", "artist": "A",
        "album": "B", "genre": "Rock", "sample_rate": 16000, "samples": len(audio),
    }  # fmt: skip
    spectrum = np.abs(np.fft.rfft(audio[1600:17600] * np.hanning(16000)))
    assert np.argmax(spectrum) == 400  # the third track's tone, Hz
    assert first["splits"]["training"]["licences"] == {"CC-BY": 2}


def test_fma_without_a_split_keeps_albums_together(tmp_path):
    tracks = {track: {"album.id": str(track // 3), "track.title": "x"} for track in range(1, 300)}
    splits = fma.splits([fma_tree(tmp_path, tracks, content=b"")])
    albums = {
        split: {tracks[int(one.key)]["album.id"] for one in content.recordings} for split, content in splits.items()
    }
    assert sum(content.count for content in splits.values()) == 299
    assert all(albums.values())
    assert sum(map(len, albums.values())) == len(set.union(*albums.values()))


def test_audio_that_the_table_of_fma_does_not_list_is_left_out(tmp_path):
    tree = fma_tree(tmp_path, {track: {"set.split": "training"} for track in (1, 2, 3)}, content=b"")
    table = tree / "fma_metadata" / "tracks.csv"
    table.write_text("".join(line for line in table.read_text().splitlines(True) if not line.startswith("2,")))
    assert {one.key for one in fma.splits([tree])["training"].recordings} == {"000001", "000003"}
    assert fma.splits([tree / "fma_small", tree / "fma_metadata"])["training"].count == 2


def test_a_split_that_fma_does_not_have_is_told(tmp_path):
    tree = fma_tree(tmp_path, {1: {"set.split": "dev"}}, content=b"")
    with pytest.raises(InputError, match="split 'dev'"):
        fma.splits([tree])


def test_nsynth_folders_and_streamed_archives_hold_the_same_notes(tmp_path):
    tree = nsynth_tree(tmp_path / "tree", {"train": 4, "valid": 2, "test": 2})
    nsynth_archives(tree, tmp_path / "archives")
    one = shards.prepare("nsynth", [tree], tmp_path / "a")
    two = shards.prepare("nsynth", [tmp_path / "archives" / "nsynth-train.jsonwav.tar.gz"], tmp_path / "b")
    shards.prepare("nsynth", [tmp_path / "archives"], tmp_path / "c")
    found, other = samples_of(tmp_path / "a"), samples_of(tmp_path / "c")
    assert list(two["splits"]) == ["training"]
    assert one["splits"]["training"]["recordings"] == two["splits"]["training"]["recordings"] == 4
    assert found.keys() == other.keys()
    for key, (audio, metadata) in found.items():
        np.testing.assert_array_equal(audio, other[key][0])
        assert metadata == other[key][1]
        assert metadata["licence"] == "CC-BY-4.0"
        assert key == f"{metadata['instrument']}-{metadata['pitch']:03d}-{metadata['velocity']:03d}"


def test_nsynth_archives_are_read_without_holding_them(tmp_path):
    nsynth_archives(nsynth_tree(tmp_path / "tree", {"train": 5}), tmp_path / "archives")
    notes = iter(nsynth.splits([tmp_path / "archives"])["training"].recordings)
    first = next(notes)
    assert len(first.read()) > 128000
    assert sum(1 for _ in notes) == 4


def test_a_cut_nsynth_archive_is_told_and_work_continues_with_the_whole_one(tmp_path):
    nsynth_archives(nsynth_tree(tmp_path / "tree", {"train": 6}), tmp_path / "archives")
    archive = tmp_path / "archives" / "nsynth-train.jsonwav.tar.gz"
    whole = archive.read_bytes()
    shards.prepare("nsynth", [archive], tmp_path / "whole", shard_mb=0)  # a recording a shard
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a whole archive"):
        shards.prepare("nsynth", [archive], tmp_path / "out", shard_mb=0)
    kept = (tmp_path / "out" / "training-000000.tar").stat().st_ino
    archive.write_bytes(whole)
    shards.prepare("nsynth", [archive], tmp_path / "out", shard_mb=0)
    assert (tmp_path / "out" / "training-000000.tar").stat().st_ino == kept
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def test_a_folder_is_split_by_its_named_folders_or_by_hash(tmp_path):
    for name in ("training/a.wav", "validation/deep/b.flac", "test/c.ogg", "band/d.wav", "band/more/e.wav", "f g.wav"):
        audio_file(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("not audio")
    shards.prepare("folder", [tmp_path / "in"], tmp_path / "out")
    splits = {metadata["source"]: metadata["split"] for _, metadata in samples_of(tmp_path / "out").values()}
    assert len(splits) == 6
    assert [splits[name] for name in ("training/a.wav", "validation/deep/b.flac", "test/c.ogg")] == [*recording.SPLITS]
    assert splits["band/d.wav"] == splits["band/more/e.wav"] == recording.hashed_split("band")
    assert all("." not in key for key in samples_of(tmp_path / "out"))


def test_files_that_differ_in_suffix_or_punctuation_keep_different_names(tmp_path):
    for name in ("a.wav", "a.flac", "a b.wav", "a.b.wav"):
        audio_file(tmp_path / name)
    found = folder.splits([tmp_path])
    assert len({one.key for split in found.values() for one in split.recordings}) == 4
