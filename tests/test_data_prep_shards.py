"""Shards: the same for any number of workers, continued after a kill, complete in their manifest."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import webdataset
from prepared_sources import audio_file, digests, fma_tree, samples_of

from audio_inpaint.files.atomic import unfinished
from data_prep import command, folder, parallel, shard_files, shards


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """A folder of 31 recordings, four of them unusable."""
    root = tmp_path_factory.mktemp("many")
    for index in range(27):
        audio_file(root / "training" / f"{index:02d}.flac", 0.5 + index / 50, 22050, hertz=100 + 30 * index)
    (root / "training" / "empty.wav").touch()
    (root / "training" / "text.ogg").write_text("no audio " * 100)
    audio_file(root / "test" / "silent.wav", level=0.001)
    soundfile.write(root / "test" / "wild.wav", np.full(20000, np.nan), 16000, subtype="FLOAT")
    return root


def test_shards_are_the_same_for_any_worker_count(many, tmp_path):
    shards.prepare("folder", [many], tmp_path / "one", workers=1)
    shards.prepare("folder", [many], tmp_path / "three", workers=3)
    assert digests(tmp_path / "one") == digests(tmp_path / "three")


def test_the_manifest_tells_what_the_shards_hold(many, tmp_path):
    manifest = shards.prepare("folder", [many], tmp_path / "out")
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text())
    training = manifest["splits"]["training"]
    found = samples_of(tmp_path / "out")
    assert training["recordings"] == len(found) == 27
    assert training["hours"] == pytest.approx(sum(len(audio) for audio, _ in found.values()) / 16000 / 3600, abs=1e-4)
    assert training["segments"] == sum((len(audio) - 5120) // 512 + 1 for audio, _ in found.values())
    assert 0 < training["audible_segments"] <= training["segments"]
    assert {shard["name"]: shard["sha256"] for shard in training["shards"]} == {
        name: digest for name, digest in digests(tmp_path / "out").items() if name.endswith(".tar")
    }
    assert sum(shard["recordings"] for shard in training["shards"]) == 27
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "manifest.json", *(shard["name"] for shard in training["shards"]),
    }  # fmt: skip


def test_refused_files_are_named_with_the_reason(many, tmp_path):
    manifest = shards.prepare("folder", [many], tmp_path / "out", workers=2)
    refused = {key: text for split in manifest["splits"].values() for key, text in split["refused"].items()}
    by_name = {key.rpartition("-")[0]: text for key, text in refused.items()}
    assert by_name["training_empty"] == "empty (0 bytes)"
    assert by_name["training_text"].startswith("cannot be decoded")
    assert by_name["test_silent"] == "silent"
    assert by_name["test_wild"] == "holds values that are no numbers"
    assert len(refused) == 4


def test_broken_clips_of_fma_are_refused(tmp_path):
    tracks = {track: {"set.split": "training", "track.duration": "240"} for track in (1, 2, 3, 4)}
    tree = fma_tree(tmp_path / "tree", tracks)
    place = tree / "fma_small" / "000"
    audio_file(place / "000001.mp3", 30, 44100, 2)
    whole = (place / "000001.mp3").read_bytes()
    (place / "000002.mp3").write_bytes(whole[: len(whole) // 2])
    (place / "000003.mp3").write_bytes(b"\0" * 4000)
    refused = shards.prepare("fma", [tree], tmp_path / "out", workers=2)["splits"]["training"]["refused"]
    assert refused.keys() == {"000002", "000003", "000004"}
    assert "cut short" in refused["000002"]
    assert refused["000004"] == "holds 1.20 s, its source promises 30 s"


def test_small_splits_have_several_shards_and_large_ones_end_at_their_size(many, tmp_path):
    manifest = shards.prepare("folder", [many], tmp_path / "out")
    sizes = [shard["recordings"] for shard in manifest["splits"]["training"]["shards"]]
    assert len(sizes) == shard_files.FEWEST == 8
    assert max(sizes) - min(sizes) <= 3  # of 29, two of which are refused: 3 or 4 each
    for index in range(40):
        noise = np.random.default_rng(index).uniform(-0.9, 0.9, 16000 * 8)
        path = tmp_path / "loud" / "training" / f"{index}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise, 16000)
    loud = shards.prepare("folder", [tmp_path / "loud"], tmp_path / "by_size", shard_mb=1)["splits"]["training"]
    assert all(1e6 <= shard["bytes"] < 1.5e6 for shard in loud["shards"][:-1])


def test_webdataset_reads_the_shards(many, tmp_path):
    shards.prepare("folder", [many], tmp_path / "out")
    names = [str(path) for path in sorted((tmp_path / "out").glob("training-*.tar"))]
    samples = list(webdataset.WebDataset(names, shardshuffle=False))
    expected = samples_of(tmp_path / "out")
    assert [sample["__key__"] for sample in samples] == list(expected)
    for sample in samples:
        audio, metadata = expected[sample["__key__"]]
        assert json.loads(sample["json"]) == metadata
        np.testing.assert_array_equal(soundfile.read(io.BytesIO(sample["flac"]), dtype="int16")[0], audio)


def test_neighbours_are_spread_over_the_shards(many, tmp_path):
    shards.prepare("folder", [many], tmp_path / "out")
    order = [metadata["title"] for _, metadata in samples_of(tmp_path / "out").values()]
    assert order != sorted(order)
    assert order == [one.metadata["title"] for one in folder.splits([many])["training"].recordings if
                     one.metadata["title"] in order]  # fmt: skip


def test_work_that_was_killed_continues_and_gives_the_same_shards(many, tmp_path):
    shards.prepare("folder", [many], tmp_path / "whole")
    out = tmp_path / "killed"
    slow = (
        "import sys, time, data_prep.conversion as c, data_prep.shards as s\n"
        "convert = c.trim\n"
        "c.trim = lambda samples: (time.sleep(0.04), convert(samples))[1]\n"
        "sys.exit(s.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", slow, "folder", str(many), "-o", str(out), "--workers", "1"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    try:
        deadline = time.monotonic() + 60
        while not (out / "training-000002.tar").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (out / "manifest.json").exists()
    unfinished(out, ".tar", process.pid).write_bytes(b"left by the killed run")
    kept = (out / "training-000001.tar").stat().st_ino
    shards.prepare("folder", [many], out)
    assert (out / "training-000001.tar").stat().st_ino == kept
    assert digests(out) == digests(tmp_path / "whole")


def test_a_second_run_changes_nothing_and_other_options_are_refused(many, tmp_path, capsys):
    arguments = ["folder", str(many), "-o", str(tmp_path / "out"), "--workers", "1"]
    assert shards.main(arguments) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert shards.main(arguments) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    capsys.readouterr()
    assert shards.main([*arguments, "--sample-rate", "8000"]) == 2
    assert "sample_rate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fma", "{empty}"], "no tracks.csv"),
        (["fma", "{text}"], "neither a folder nor a ZIP"),
        (["nsynth", "{empty}"], "neither nsynth-train"),
        (["folder", "{empty}"], "no audio file"),
        (["folder", "{text}"], "is not a folder"),
        (["folder", "{silent}"], "no usable recording"),
        (["folder", "{silent}", "--workers", "0"], "--workers must be at least 1"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_2(arguments, told, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("x")
    audio_file(tmp_path / "silent" / "a.wav", level=0.0)
    places = {name: str(tmp_path / name) for name in ("empty", "text", "silent")}
    assert shards.main([*(word.format(**places) for word in arguments), "-o", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1


def test_where_all_are_refused_the_reasons_are_counted(many, tmp_path, capsys):
    for name in ("a", "b", "c"):
        audio_file(tmp_path / "bad" / f"{name}.wav", level=0.0)
    for name in ("d.wav", "e.flac"):
        (tmp_path / "bad" / name).touch()
    for name, seconds in (("f.wav", 0.1), ("g.wav", 0.2)):
        audio_file(tmp_path / "bad" / name, seconds)
    assert shards.main(["folder", str(tmp_path / "bad"), "-o", str(tmp_path / "out"), "--workers", "1"]) == 2
    message = capsys.readouterr().err
    assert "all 7 were refused: silent (3), " in message
    assert "empty (0 bytes) (2)" in message
    assert "shorter than a segment of 5120 samples (2)" in message
    assert shards.main(["folder", str(many), "-o", str(tmp_path / "some"), "--workers", "1"]) == 0
    assert "silent (1)" in capsys.readouterr().out


def test_reasons_that_differ_in_numbers_are_of_one_kind():
    texts = ["holds 1.20 s, its source promises 30 s", "silent", "holds 7.00 s, its source promises 30 s"]
    assert shards.counted(texts) == "holds 1.20 s, its source promises 30 s and the like (2), silent (1)"


def test_shards_that_were_damaged_lost_or_added_are_found_by_verify(many, tmp_path, capsys):
    out = tmp_path / "out"
    shards.prepare("folder", [many], out)
    assert command.main(["verify", str(out)]) == 0
    assert "8 shards are as they were made" in capsys.readouterr().out
    content = bytearray((out / "training-000000.tar").read_bytes())
    content[5000] ^= 1
    (out / "training-000000.tar").write_bytes(content)
    (out / "training-000001.tar").write_bytes(content[:512])
    (out / "training-000002.tar").unlink()
    (out / "training-000099.tar").touch()
    assert command.main(["verify", str(out)]) == 2
    *lines, last = capsys.readouterr().err.splitlines()
    said = {Path(line.split()[0]).name: line for line in lines}
    assert "another sha256 sum" in said["training-000000.tar"]
    assert "has 512 bytes, the manifest says" in said["training-000001.tar"]
    assert "is missing" in said["training-000002.tar"]
    assert "is not in the manifest" in said["training-000099.tar"]
    assert "4 of the shards" in last


@pytest.mark.parametrize(
    ("content", "told"), [(None, "there is no"), ("{}", "no manifest of"), ("[", "no manifest of")]
)
def test_a_folder_without_a_manifest_cannot_be_verified(tmp_path, content, told, capsys):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    assert command.main(["verify", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err


def test_shards_never_go_into_a_folder_of_other_files(many, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert shards.main(["folder", str(many), "-o", str(tmp_path)]) == 2
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_results_come_in_order_and_items_are_read_only_a_little_ahead():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    results = parallel.ordered_map(abs, items(), workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(taken) <= 3 + 2 * parallel.AHEAD
    assert list(results) == list(range(3, 100))


def test_a_worker_that_the_system_ends_is_told():
    with pytest.raises(ValueError, match="fewer --workers"):
        list(parallel.ordered_map(os._exit, [1, 2, 3], workers=2))
