"""Sources that are damaged, or made to do harm: each recording is refused by name, and the rest becomes shards."""

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from prepared_sources import audio_file, fma_archives, fma_tree, nsynth_archives, nsynth_tree, samples_of

from data_prep import command, conversion, fma, folder, limits, nsynth, shards


def refused(manifest: dict) -> dict[str, str]:
    """What was refused, by the beginning of its key."""
    every = [item for split in manifest["splits"].values() for item in split["refused"].items()]
    return {key.rpartition("-")[0] or key: text for key, text in every}


def wave_of(path: Path, rate: int = 16000, channels: int = 1, frames: int | None = None) -> None:
    """A second of sound whose header tells another rate, other channels, or more samples than there are."""
    audio_file(path, 1.0)
    header = bytearray(path.read_bytes())
    header[22:36] = struct.pack("<HIIHH", channels, rate, 2 * rate * channels & 0xFFFFFFFF, 2 * channels, 16)[:14]
    if frames is not None:
        header[40:44] = struct.pack("<I", 2 * frames)
    path.write_bytes(header)


def long_silence(path: Path) -> None:
    """Three hours of silence in half a megabyte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", 4000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(3 * 60):
            file.write(np.zeros(60 * 4000, np.int16))


def encrypted(archive: Path) -> None:
    """Set the flag of encryption of every member of an archive."""
    data = bytearray(archive.read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = data.find(mark)
        while start >= 0:
            data[start + flags] |= 1
            start = data.find(mark, start + 4)
    archive.write_bytes(data)


# Recordings


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("rate", lambda path: wave_of(path, rate=1), "has a rate of 1 Hz, 4000 to 768000 can be used"),
        ("fast", lambda path: wave_of(path, rate=2**31 - 1), "has a rate of 2147483647 Hz"),
        ("channels", lambda path: wave_of(path, channels=1000), "channels, 64 are the most"),
        ("long", long_silence, "lasts 10800 s, 7200 s are the most: cut it"),
    ],
)
def test_a_recording_that_is_none_is_refused_at_once_and_the_rest_is_used(name, make, told, tmp_path):
    bad = tmp_path / "in" / "training" / ("bad.flac" if name == "long" else "bad.wav")
    make(bad)
    audio_file(tmp_path / "in" / "training" / "good.wav")
    manifest = shards.prepare("folder", [tmp_path / "in"], tmp_path / "out")
    assert manifest["splits"]["training"]["recordings"] == 1
    [text] = refused(manifest).values()
    assert told in text


def test_more_sound_than_the_header_promises_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr(conversion, "MOST_SECONDS", 5)
    monkeypatch.setattr(conversion, "BLOCK", 16000)
    file = io.BytesIO()
    soundfile.write(file, np.zeros(6 * 16000), 16000, format="WAV")
    with pytest.raises(limits.Unusable, match="lasts more than 5 s"):
        conversion.decode(file.getvalue(), 16000)


def test_files_that_are_too_large_or_no_files_are_refused_unread(tmp_path):
    huge = tmp_path / "huge.wav"
    audio_file(huge)
    os.truncate(huge, 10**11)  # sparse: it takes no room
    with pytest.raises(limits.Unusable, match="too large: 100,000 MB"):
        limits.read_file(huge)
    os.mkfifo(tmp_path / "pipe.wav")  # which would be waited for
    for path in (tmp_path / "pipe.wav", tmp_path):
        with pytest.raises(limits.Unusable, match="no regular file"):
            limits.read_file(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory so")
def test_hours_of_silence_and_a_sparse_file_of_100_gb_take_little_memory(tmp_path):
    long_silence(tmp_path / "in" / "training" / "long.flac")
    audio_file(tmp_path / "in" / "training" / "huge.wav")
    os.truncate(tmp_path / "in" / "training" / "huge.wav", 10**11)
    audio_file(tmp_path / "in" / "training" / "good.wav")
    command = [sys.executable, "-c", "import sys, resource, data_prep.shards as s; s.main(sys.argv[1:]); "
               "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)",
               "folder", tmp_path / "in", "-o", tmp_path / "out", "--workers", "1"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)
    assert "1 recordings" in done.stdout, done.stderr
    assert int(done.stdout.split()[-1]) < 1_500_000  # kB, torch's own included


# FMA


@pytest.fixture
def archives(tmp_path) -> list[Path]:
    tracks = {track: {"set.split": "training", "track.duration": "1"} for track in (1, 2, 3)}
    return fma_archives(fma_tree(tmp_path / "tree", tracks), tmp_path / "archives")


def rewrite(archive: Path, **how) -> None:
    """Compress an archive by another method."""
    with zipfile.ZipFile(archive) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(archive, "w", **how) as new:
        for name, data in members.items():
            new.writestr(name, data)


def damage(archive: Path, name: str, what: bytes = b"\xff" * 40) -> None:
    """Overwrite the middle of a member."""
    with zipfile.ZipFile(archive) as file:
        info = file.getinfo(name)
    data = bytearray(archive.read_bytes())
    middle = info.header_offset + 30 + len(name) + info.compress_size // 2
    data[middle : middle + len(what)] = what
    archive.write_bytes(data)


def test_a_clip_whose_lzma_is_corrupt_is_refused(archives, tmp_path):
    rewrite(archives[0], compression=zipfile.ZIP_LZMA)
    damage(archives[0], "fma_small/000/000002.mp3")
    manifest = shards.prepare("fma", archives, tmp_path / "out")
    assert refused(manifest).keys() == {"000002"}
    assert refused(manifest)["000002"].startswith("cannot be read")
    assert samples_of(tmp_path / "out").keys() == {"000001", "000003"}


def test_a_clip_of_a_zip_bomb_is_refused_by_what_its_header_promises(archives, tmp_path):
    place = b"fma_small/000/000002.mp3"
    data = bytearray(archives[0].read_bytes())
    end = data.rfind(place)  # in the list of members, whose sizes count
    data[end - 22 : end - 18] = struct.pack("<I", 3 * 10**9)
    archives[0].write_bytes(data)
    manifest = shards.prepare("fma", archives, tmp_path / "out")
    assert refused(manifest) == {"000002": "too large: 3,000 MB, 2,147 are the most"}
    assert samples_of(tmp_path / "out").keys() == {"000001", "000003"}


def test_a_bomb_whose_header_promises_little_gives_that_little():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.wav", bytes(10**8))
    data = bytearray(file.getvalue())
    for mark, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        start = data.find(mark) + place
        data[start : start + 4] = struct.pack("<I", 1000)
    tracemalloc.start()
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive, pytest.raises(zipfile.BadZipFile, match="CRC"):
            limits.read_member(archive, "bomb.wav")
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "harm", "told"),
    [
        ("encrypted", lambda archive: encrypted(archive), "encrypted"),
        ("lzma", lambda archive: damaged_table(archive, zipfile.ZIP_LZMA), "not FMA's"),
        ("deflate", lambda archive: damaged_table(archive, zipfile.ZIP_DEFLATED), "not FMA's"),
        ("stored", lambda archive: damaged_table(archive, zipfile.ZIP_STORED), "not FMA's"),
        ("cut", lambda archive: os.truncate(archive, 200), "not a whole ZIP archive"),
        ("huge", lambda archive: table_of(archive, bytes(2 * 10**6)), "has 2 MB, which is not FMA's"),
        ("nothing", lambda archive: table_of(archive, b""), "not FMA's"),
        ("field", lambda archive: table_of(archive, HEADER + b"1,\"" + b"x" * (1 << 24) + b"xx\"\n"), "not FMA's"),
    ],
)  # fmt: skip
def test_metadata_of_fma_that_cannot_be_read_is_one_line(name, harm, told, archives, tmp_path, capsys, monkeypatch):
    if name == "huge":
        monkeypatch.setattr(fma, "MOST_TABLE_BYTES", 10**6)
    harm(archives[1])
    assert command.main(["shards", "fma", *map(str, archives), "-o", str(tmp_path / "out"), "--workers", "1"]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


HEADER = b",track\n,title\ntrack_id,\n"


def table_of(archive: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(archive, "w", method) as file:
        file.writestr("fma_metadata/tracks.csv", content)


def damaged_table(archive: Path, method: int) -> None:
    rows = "".join(f"{track},{np.random.default_rng(track).bytes(30).hex()}\n" for track in range(1, 3000))
    table_of(archive, HEADER + rows.encode(), method)
    damage(archive, "fma_metadata/tracks.csv", b"0" * 40)


# NSynth


def add_members(archive: Path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    """Write an archive anew, the given members before its own."""
    with tarfile.open(archive) as tar:
        own = [(member, tar.extractfile(member).read() if member.isfile() else b"") for member in tar]
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for member, data in [*members, *own]:
            tar.addfile(member, io.BytesIO(data))


def member_of(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(f"nsynth-train/audio/{name}.wav")
    member.type, member.size, member.linkname = kind, size, "elsewhere.wav"
    return member


@pytest.fixture
def notes(tmp_path) -> Path:
    return nsynth_archives(nsynth_tree(tmp_path / "tree", {"train": 3}), tmp_path / "a") / "nsynth-train.jsonwav.tar.gz"


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_note_that_is_no_file_is_refused(kind, notes, tmp_path):
    add_members(notes, (member_of("guitar_acoustic_999-001-100", kind), b""))
    manifest = shards.prepare("nsynth", [notes], tmp_path / "out")
    assert manifest["splits"]["training"]["recordings"] == 3
    assert manifest["splits"]["training"]["refused"] == {"guitar_acoustic_999-001-100": "is no regular file"}


def test_a_note_of_a_tar_bomb_is_refused_unread(notes, tmp_path):
    add_members(notes, (member_of("guitar_acoustic_999-001-100", size=2 * 10**7), bytes(2 * 10**7)))
    manifest = shards.prepare("nsynth", [notes], tmp_path / "out")
    assert manifest["splits"]["training"]["recordings"] == 3
    assert manifest["splits"]["training"]["refused"] == {
        "guitar_acoustic_999-001-100": "too large: 20 MB, 17 are the most"
    }


def test_a_note_that_is_sparse_and_of_100_gb_is_refused(notes, tmp_path):
    # GNU's old format: the member promises 100 GB, its data are one block.
    member = member_of("guitar_acoustic_999-001-100", tarfile.GNUTYPE_SPARSE, 512)
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"\x80" + (10**11).to_bytes(11, "big")
    header[148:156] = b"%06o\0 " % sum((*header[:148], *b" " * 8, *header[156:512]))
    with gzip.open(notes) as file:
        own = file.read()
    with gzip.open(notes, "wb", compresslevel=1) as file:
        file.write(bytes(header) + bytes(512) + own)
    manifest = shards.prepare("nsynth", [notes], tmp_path / "out")
    assert manifest["splits"]["training"]["recordings"] == 3
    assert "too large: 100,000 MB" in manifest["splits"]["training"]["refused"]["guitar_acoustic_999-001-100"]


def test_a_header_of_a_tar_archive_that_fills_the_memory_is_one_line(notes, tmp_path, capsys):
    member = tarfile.TarInfo("long name")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 10**7
    add_members(notes, (member, b"a" * 10**7))
    assert shards.main(["nsynth", str(notes), "-o", str(tmp_path / "out"), "--workers", "1"]) == 2
    said = capsys.readouterr().err
    assert "a header of 10000000 bytes" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    ["[]", "[1, 2]", '"note"', "3", "null", '{"pitch": 3}', '{"guitar_acoustic_000-030-100": {"a": {}}}',
     '{"guitar_acoustic_000-030-100": {"pitch": 3, "license": ["x"]}}', '{"guitar_acoustic_000-030-100": 7}',
     "[" * 100000, "{", "\xff"],
)  # fmt: skip
def test_examples_json_of_another_shape_is_one_line(text, tmp_path, capsys):
    tree = nsynth_tree(tmp_path / "tree", {"train": 1})
    (tree / "nsynth-train" / "examples.json").write_text(text, encoding="latin-1")
    assert shards.main(["nsynth", str(tree), "-o", str(tmp_path / "out"), "--workers", "1"]) == 2
    said = capsys.readouterr().err
    assert "examples.json" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["../{}", "/{}", "../../audio/{}", "x/{}", "{}\n", "{}" + "9" * 5000])
def test_names_in_examples_json_lead_nowhere_else(name, tmp_path):
    tree = nsynth_tree(tmp_path / "tree", {"train": 2})
    examples = tree / "nsynth-train" / "examples.json"
    known = json.loads(examples.read_text())
    evil = name.format("guitar_acoustic_900-030-100")
    audio_file(tree / "nsynth-train" / "guitar_acoustic_900-030-100.wav", 4)
    examples.write_text(json.dumps({evil: {"pitch": 30}, **known}))
    assert {one.key for one in nsynth.splits([tree])["training"].recordings} == known.keys()
    shards.prepare("nsynth", [tree], tmp_path / "out")
    assert samples_of(tmp_path / "out").keys() == known.keys()


# What is said of the files of a folder


def test_metadata_of_a_folder_that_is_no_table_is_one_line(tmp_path, capsys):
    audio_file(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "metadata.csv").write_bytes(b"file_name,title\n\xff\xfe,x\n")
    assert shards.main(["folder", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--workers", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_metadata_of_a_folder_tells_of_its_files_alone(tmp_path):
    for name in ("a", "b"):
        audio_file(tmp_path / "in" / f"{name}.wav")
    (tmp_path / "in" / "metadata.csv").write_text(
        "file_name,title,licence,source,split\na.wav,Tone,CC0-1.0,evil,test\n../b.wav,Other,PD,,\n", encoding="utf-8"
    )
    found = {
        one.metadata["source"]: one.metadata
        for split in folder.splits([tmp_path / "in"]).values()
        for one in split.recordings
    }
    assert found["a.wav"]["title"] == "Tone"
    assert found["a.wav"]["licence"] == "CC0-1.0"
    assert found["b.wav"]["title"] == "b"
    assert found["b.wav"]["licence"] == "unknown"
    (tmp_path / "in" / "metadata.csv").write_text("id,price\n1,2\n")
    assert all(one.metadata["licence"] == "unknown" for split in folder.splits([tmp_path / "in"]).values()
               for one in split.recordings)  # fmt: skip


@pytest.mark.parametrize("size", ['"many"', "null", "[1]"])
def test_a_manifest_of_other_numbers_is_one_line(size, tmp_path, capsys):
    shard = f'{{"name": "a.tar", "bytes": {size}, "sha256": "0"}}'
    (tmp_path / "manifest.json").write_text(f'{{"splits": {{"training": {{"shards": [{shard}]}}}}}}')
    assert command.main(["verify", str(tmp_path)]) == 2
    assert "is no manifest of shards" in capsys.readouterr().err
