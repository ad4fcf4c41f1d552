"""The open corpus: packages fetched, unpacked, cut and listed, with a stand-in for apt-get and packages made here."""

import csv
import json
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from debian_packages import build_package, put_apt_get
from prepared_sources import all_digests, audio_file, samples_of, tone

from data_prep import open_corpus, open_music, open_notes, packages, shards
from data_prep.open_music import MusicPackage
from data_prep.open_notes import FONTS, PROGRAMS, Instrument

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="makes Debian packages")
needs_fluidsynth = pytest.mark.skipif(not shutil.which("fluidsynth"), reason="plays notes")

COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: someone
License: GPL-3+

Files:
 base/music/second.ogg
 base/sound/other.ogg
Copyright: another
License: CC-BY-3.0
 The text.
"""
MUSIC = (
    MusicPackage(1, "plain-music", "training", "usr/share/plain/*.ogg", "Plain", "Band", "GPL-2+"),
    MusicPackage(2, "zipped-music", "validation", "usr/share/zipped/music.pk3", "Zipped", "Duo", "PD", inner="music/"),
    MusicPackage(3, "bare-music", "test", "usr/share/bare/music/*", "Bare", "Solo", "CC-BY-SA-3.0"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Path:
    """Packages of 70 s tracks at 8 kHz: two in a folder, two in a ZIP archive, and one without a suffix."""
    root = tmp_path_factory.mktemp("packages")
    for name in ("a.ogg", "b.ogg"):
        audio_file(root / "plain/usr/share/plain" / name, 70, 8000, 2)
    audio_file(root / "plain/usr/share/plain/short.ogg", 20, 8000)
    audio_file(root / "plain/usr/share/plain/silent.ogg", 70, 8000, level=0.0)
    archive = root / "zipped/usr/share/zipped/music.pk3"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("first.ogg", "second.ogg"):
            file.write(audio_file(root / name, 40, 8000), f"music/{name}")
        file.writestr("sound/noise.ogg", b"not music")
    licence = root / "zipped/usr/share/doc/zipped-music/copyright"
    licence.parent.mkdir(parents=True)
    licence.write_text(COPYRIGHT)
    bare = audio_file(root / "bare/usr/share/bare/music/c.ogg", 40, 8000)
    bare.rename(bare.with_suffix(""))
    bare.with_suffix(".tags").write_text("title=C")
    for name in ("plain", "zipped", "bare"):
        build_package(root / name, f"{name}-music", root / "server")
    return root / "server"


@pytest.fixture
def debian(server, tmp_path, monkeypatch) -> Path:
    """The stand-ins in place; gives an empty folder for a corpus."""
    put_apt_get(tmp_path / "programs", server, monkeypatch)
    monkeypatch.setattr(open_music, "MUSIC", MUSIC)
    return tmp_path / "corpus"


@needs_dpkg
def test_packages_become_clips_in_the_layout_of_fma(debian):
    assert open_corpus.build(debian, kinds=("music",)) == {"music": 2 * 2 + 2 * 1 + 1}
    clips = sorted(path.relative_to(debian).as_posix() for path in debian.rglob("*.flac"))
    assert clips == [
        f"music/fma_small/{n // 1000:03d}/{n:06d}.flac" for n in (10000, 10001, 10100, 10101, 20000, 20100, 30000)
    ]
    audio, rate = soundfile.read(debian / clips[1], dtype="float32", always_2d=True)
    assert (rate, audio.shape) == (8000, (240000, 2))
    source, _ = soundfile.read(debian / "packages/unpacked/plain-music/usr/share/plain/a.ogg", dtype="float32")
    np.testing.assert_allclose(audio, source[35 * 8000 : 65 * 8000], atol=1 / 32768)
    with open(debian / "music/fma_metadata/tracks.csv", newline="") as file:
        first, second, third, *lines = csv.reader(file)
    assert third[0] == "track_id"
    table = [dict(zip(zip(first, second, strict=True), line, strict=True)) for line in lines]
    rows = {line[0]: row for line, row in zip(lines, table, strict=True)}
    assert rows["20100"]["track", "license"] == "CC-BY-3.0"
    assert rows["20000"]["track", "license"] == "PD"
    assert rows["10001"]["track", "information"] == "usr/share/plain/a.ogg, 35 to 65 s"
    assert rows["10001"]["album", "information"] == "Debian package plain-music 1:2.0-1"
    assert rows["30000"]["set", "split"] == "test"


@needs_dpkg
def test_the_corpus_can_be_sharded_without_an_album_in_two_splits(debian, tmp_path):
    open_corpus.build(debian, kinds=("music",), workers=2)
    shards.prepare("fma", [debian / "music"], tmp_path / "shards")
    found = samples_of(tmp_path / "shards")
    assert len(found) == 7
    splits = {}
    for _, metadata in found.values():
        splits.setdefault(metadata["album"], set()).add(metadata["split"])
    assert splits == {"Plain": {"training"}, "Zipped": {"validation"}, "Bare": {"test"}}


@needs_dpkg
def test_an_interrupted_corpus_continues_and_fetches_nothing_twice(debian, server, monkeypatch):
    open_corpus.build(debian.with_name("whole"), kinds=("music",))
    (server / "log").unlink()
    cut = open_music.cut_track

    def stop_at_third(track, out):
        if track.package.number == 2:
            raise KeyboardInterrupt
        return cut(track, out)

    monkeypatch.setattr(open_music, "cut_track", stop_at_third)
    assert open_corpus.main(["-o", str(debian), "--only", "music", "--workers", "1"]) == 130
    kept = (debian / "music/fma_small/010/010000.flac").stat().st_ino
    monkeypatch.setattr(open_music, "cut_track", cut)
    assert open_corpus.main(["-o", str(debian), "--only", "music", "--workers", "1"]) == 0
    assert (debian / "music/fma_small/010/010000.flac").stat().st_ino == kept
    assert sorted((server / "log").read_text().split()) == ["bare-music", "plain-music", "zipped-music"]
    assert all_digests(debian / "music") == all_digests(debian.with_name("whole") / "music")


@needs_dpkg
def test_tracks_that_cannot_be_read_are_named_and_the_rest_is_used(debian, server, capsys):
    downloads = debian / "packages"
    downloads.mkdir(parents=True)
    for path in server.glob("*.deb"):
        shutil.copy(path, downloads)
    plain = packages.unpack("plain-music", downloads) / "usr/share/plain"
    (plain / "a.ogg").write_bytes(b"no audio at all")
    header = bytearray(audio_file(plain / "slow.wav", 70, 8000).read_bytes())
    header[24:28] = struct.pack("<I", 1)
    (plain / "b.ogg").write_bytes(header)
    archive = packages.unpack("zipped-music", downloads) / "usr/share/zipped/music.pk3"
    data = bytearray(archive.read_bytes())
    place = data.find(b"OggS") + 1000
    data[place : place + 50] = b"\0" * 50
    archive.write_bytes(data)
    for _ in range(2):  # and a second run says so again
        assert open_corpus.main(["-o", str(debian), "--only", "music", "--workers", "2"]) == 0
        said = capsys.readouterr().err
        assert "passed over: plain-music: a.ogg: " in said
        assert "passed over: plain-music: b.ogg: has a rate of 1 Hz" in said
        assert "passed over: zipped-music: music/first.ogg: " in said
        assert "passed over: 3 files that cannot be read" in said
    clips = {path.stem for path in debian.rglob("*.flac")}
    assert clips == {"020100", "030000"}


@needs_dpkg
def test_packages_at_hand_are_used_without_apt_get(debian, server, monkeypatch):
    (debian / "packages").mkdir(parents=True)
    for path in server.glob("*.deb"):
        shutil.copy(path, debian / "packages")
    open_corpus.build(debian, kinds=("music",))
    assert not (server / "log").exists()


@needs_dpkg
@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("package", "Unable to locate package gone-music): run apt-get update"),
        ("ffmpeg", "ffmpeg not found: apt-get install ffmpeg"),
        ("fluidsynth", "fluidsynth not found: apt-get install fluidsynth"),
        ("space", "choose another with -o"),
    ],
)
def test_what_is_missing_is_one_line_before_anything_is_downloaded(
    lacking, told, debian, server, tmp_path, monkeypatch, capsys
):
    kinds = "music"
    if lacking == "package":
        gone = MusicPackage(4, "gone-music", "test", "*.ogg", "", "", "")
        monkeypatch.setattr(open_music, "MUSIC", (*MUSIC, gone))
    elif lacking == "space":
        monkeypatch.setattr(open_corpus, "SPACE_MB", {("music", False): 10**12})
    else:
        only = tmp_path / "only"
        only.mkdir()
        for name in ("dpkg-deb", "apt-get"):
            (only / name).symlink_to(shutil.which(name))
        monkeypatch.setenv("PATH", str(only))
        coded = MusicPackage(4, "coded-music", "test", "*.g722", "", "", "")
        monkeypatch.setattr(open_music, "MUSIC", (*MUSIC, coded))
        kinds = {"ffmpeg": "music", "fluidsynth": "notes"}[lacking]
    assert open_corpus.main(["-o", str(debian), "--only", kinds]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert not (server / "log").exists()
    assert not debian.exists()


@pytest.mark.parametrize(
    ("loud", "quiet"),
    [(1.0, 0.0), (0.85, 0.0), (0.75, 1.0), (0.0, 1.0)],
)
def test_clips_are_dropped_when_more_than_a_fifth_is_silent(loud, quiet):
    clip = tone(30, 8000, 2, level=0.1)
    clip[round(loud * len(clip)) :] *= 1e-4
    assert open_music.is_quiet(clip) == bool(quiet)


def test_clips_are_dropped_when_nothing_in_them_is_loud():
    assert open_music.is_quiet(tone(30, 8000, level=0.013))  # a sine of -40.7 dBFS
    assert not open_music.is_quiet(tone(30, 8000, level=0.015))


def test_every_package_has_a_split_and_every_split_has_packages_even_when_small():
    assert {package.split for package in open_music.MUSIC} == {"training", "validation", "test"}
    small = [package for package in open_music.MUSIC if package.name in open_music.SMALL]
    assert [package.split for package in small] == ["training", "validation", "test"]
    assert len({package.number for package in open_music.MUSIC}) == len(open_music.MUSIC)


def test_a_program_is_in_one_split_and_every_instrument_has_its_own_number():
    instruments = [Instrument(program, font) for program in PROGRAMS for font in FONTS]
    assert len({one.number for one in instruments}) == len({one.name for one in instruments}) == 190
    for program in PROGRAMS:
        assert len({Instrument(program, font).split for font in FONTS}) == 1
    families = {split: {one.family for one in instruments if one.split == split} for split in ("validation", "test")}
    assert families["validation"] == families["test"] == {one.family for one in instruments}
    small = {Instrument(program, FONTS[1]).split for program in open_notes.SMALL_PROGRAMS}
    assert small == {"training", "validation", "test"}
    assert all(21 <= pitch <= 108 for one in instruments for pitch, _ in one.notes)


def test_times_in_a_midi_file_are_variable_length_numbers():
    # The examples of the standard MIDI file specification.
    values = {0: "00", 0x40: "40", 0x7F: "7f", 0x80: "8100", 0x2000: "c000", 0x3FFF: "ff7f", 0x1FFFFF: "ffff7f"}
    assert {value: open_notes._variable_length(value).hex() for value in values} == values


def sound_font(path: Path) -> None:
    """The least SoundFont 2 file: one instrument that plays a sine wave of 500 Hz as key 60 for ever."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    def zstr(text: str) -> bytes:
        return text.encode().ljust(20, b"\0")

    rate, period = 48000, 96
    wave = np.round(20000 * np.sin(2 * np.pi * np.arange(period * 50) / period)).astype("<i2").tobytes() + b"\0" * 92
    info = chunk(b"ifil", struct.pack("<HH", 2, 1)) + chunk(b"isng", b"EMU8000\0") + chunk(b"INAM", b"sine\0\0")
    length = period * 50
    pdta = [
        (b"phdr", zstr("sine") + struct.pack("<HHHIII", 0, 0, 0, 0, 0, 0)
         + zstr("EOP") + struct.pack("<HHHIII", 0, 0, 1, 0, 0, 0)),
        (b"pbag", struct.pack("<HHHH", 0, 0, 1, 0)),
        (b"pmod", b"\0" * 10),
        (b"pgen", struct.pack("<HHHH", 41, 0, 0, 0)),
        (b"inst", zstr("sine") + struct.pack("<H", 0) + zstr("EOI") + struct.pack("<H", 1)),
        (b"ibag", struct.pack("<HHHH", 0, 0, 2, 0)),
        (b"imod", b"\0" * 10),
        (b"igen", struct.pack("<HHHHHH", 54, 1, 53, 0, 0, 0)),
        (b"shdr", zstr("sine") + struct.pack("<IIIIIBbHH", 0, length, period, length - period, rate, 60, 0, 0, 1)
         + zstr("EOS") + b"\0" * 26),
    ]  # fmt: skip
    body = chunk(b"LIST", b"INFO" + info) + chunk(b"LIST", b"sdta" + chunk(b"smpl", wave))
    body += chunk(b"LIST", b"pdta" + b"".join(chunk(name, data) for name, data in pdta))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(chunk(b"RIFF", b"sfbk" + body))


@needs_dpkg
@needs_fluidsynth
def test_notes_in_the_layout_of_nsynth_sound_at_their_pitch_and_end(debian, server, tmp_path, monkeypatch):
    font = open_notes.SoundFont(1, "sine-soundfont", "usr/share/sounds/sine.sf2", "CC0-1.0")
    sound_font(tmp_path / "sine" / font.path)
    build_package(tmp_path / "sine", font.name, server)
    monkeypatch.setattr(open_notes, "FONTS", (font,))
    monkeypatch.setattr(open_notes, "PROGRAMS", (0, 3, 6))
    monkeypatch.setattr(open_notes, "VELOCITIES", (127,))
    monkeypatch.setattr(open_notes, "PITCHES", 3)
    assert open_corpus.build(debian, kinds=("notes",)) == {"notes": 9}
    for name, program in (("train", 0), ("valid", 3), ("test", 6)):
        entries = json.loads((debian / f"notes/nsynth-{name}/examples.json").read_text())
        files = {path.stem: path for path in (debian / f"notes/nsynth-{name}/audio").iterdir()}
        assert files.keys() == entries.keys()
        assert len(files) == 3
        for key, entry in entries.items():
            assert key == f"keyboard_acoustic_{entry['instrument']:03d}-{entry['pitch']:03d}-127"
            samples, rate = soundfile.read(files[key])
            assert (rate, len(samples)) == (16000, 64000)
            spectrum = np.abs(np.fft.rfft(samples[8000:40000] * np.hanning(32000)))
            assert np.argmax(spectrum) / 2 == pytest.approx(500 * 2 ** ((entry["pitch"] - 60) / 12), abs=1)
            assert np.abs(samples[:1600]).max() > 0.5
            assert np.abs(samples[-8000:]).max() < 1e-3
        assert program % 8 in (0, 3, 6)
    again = debian.with_name("again")
    open_corpus.build(again, kinds=("notes",), workers=2)
    assert all_digests(again / "notes") == all_digests(debian / "notes")
    manifest = shards.prepare("nsynth", [debian / "notes"], tmp_path / "shards")
    assert {split: one["licences"] for split, one in manifest["splits"].items()} == {
        split: {"CC0-1.0": 3} for split in ("training", "validation", "test")
    }


def test_a_machine_readable_copyright_file_gives_a_licence_by_name():
    assert packages.licence_of("music/second.ogg", COPYRIGHT) == "CC-BY-3.0"
    assert packages.licence_of("music/first.ogg", COPYRIGHT) is None
    assert packages.licence_of("usr/share/sound/other.ogg", COPYRIGHT) == "CC-BY-3.0"
    assert packages.licence_of("music/second.ogg", COPYRIGHT.replace("Format", "Copied")) is None
