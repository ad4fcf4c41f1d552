"""Cue points, regions, loops, markers and tracks after an insertion come later."""

import struct

import pytest
import soundfile
from test_cli import run
from test_insertion import AT, LENGTH, RATE, short, whole

from audio_inpaint.insertions import Insertion


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def chunk(name, content, order="<"):
    return name + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) % 2)


def marked(path):
    """Append cue points at 8000, 16000 and 20000, regions, a loop and a playlist to a WAV file."""
    places = [8000, AT, 20000]
    points = [struct.pack("<II4sIII", n, at, b"data", 0, 0, at) for n, at in enumerate(places, 1)]
    cue = struct.pack("<I", 3) + b"".join(points)
    lengths = [chunk(b"ltxt", struct.pack("<II4sHHHH", n, 9000, b"rgn ", 0, 0, 0, 0)) for n in (1, 3)]
    sampler = struct.pack("<9I", *[0] * 7, 1, 0) + struct.pack("<6I", 1, 0, 15000, 18000, 0, 0)
    playlist = struct.pack("<4I", 1, 1, 9000, 1)
    content = path.read_bytes()
    content += chunk(b"cue ", cue) + chunk(b"LIST", b"adtl" + b"".join(lengths))
    content += chunk(b"smpl", sampler) + chunk(b"plst", playlist) + chunk(b"iXML", b"<BWFXML/>")
    content = bytearray(content)
    content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)


@pytest.mark.parametrize("kind", [{}, {"subtype": "PCM_U8"}, {"subtype": "FLOAT"}])
def test_cue_points_regions_and_loops_after_the_place_come_later(here, kind):
    audio = whole()[: AT + 4001]
    audio[AT + 2000] = 0.9  # the peak, which a FLOAT file names
    soundfile.write("in.wav", audio, RATE, **kind)
    marked(here / "in.wav")
    before = (here / "in.wav").read_bytes()
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "1.0+0.0150625", "--method", "silence") == 0  # 241, odd
    after = (here / "out.wav").read_bytes()
    size = struct.unpack("<I", after[4:8])[0]
    assert size == len(after) - 8

    def content(name):
        place = after.rindex(name)
        return after[place + 8 : place + 8 + struct.unpack("<I", after[place + 4 : place + 8])[0]]

    cue = content(b"cue ")
    assert [struct.unpack_from("<6I", cue, 4 + 24 * n)[1::4] for n in range(3)] == [
        (8000, 8000),
        (AT + 241, AT + 241),
        (20241, 20241),
    ]
    first = after.index(b"ltxt")
    assert struct.unpack_from("<I", after, first + 12) == (9241,)  # from 8000 over the place
    assert struct.unpack_from("<I", after, after.index(b"ltxt", first + 4) + 12) == (9000,)
    assert struct.unpack_from("<2I", content(b"smpl"), 44) == (15000, 18241)
    assert struct.unpack_from("<3I", content(b"plst"), 4) == (1, 9241, 1)
    assert content(b"iXML") == b"<BWFXML/>"
    if kind.get("subtype") == "FLOAT":
        assert struct.unpack_from("<I", content(b"PEAK"), 12) == (AT + 2000 + 241,)
        assert struct.unpack("<I", content(b"fact")) == (len(audio) + 241,)
    assert run("inpaint", "in.wav", "-o", "again.wav", "--gaps", "0.1-0.11", "--method", "silence") == 0
    assert len((here / "again.wav").read_bytes()) == len(before)


def test_markers_of_an_aiff_file_come_later(here):
    short("in.aiff")
    content = bytearray((here / "in.aiff").read_bytes())
    marks = b"".join(
        struct.pack(">hI", n, at) + bytes([len(name)]) + name + bytes((len(name) + 1) % 2)
        for n, (at, name) in enumerate([(8000, b"one"), (AT, b"four"), (20000, b"x")], 1)
    )
    content += chunk(b"MARK", struct.pack(">H", 3) + marks, ">")
    content[4:8] = struct.pack(">I", len(content) - 8)
    (here / "in.aiff").write_bytes(content)
    assert run("inpaint", "in.aiff", "-o", "out.aiff", "--gaps", "1.0+0.015", "--method", "silence") == 0
    after = (here / "out.aiff").read_bytes()
    place = after.index(b"MARK") + 10
    found = []
    for name in (b"one", b"four", b"x"):
        found.append(struct.unpack_from(">hI", after, place)[1])
        assert after[place + 7 : place + 7 + len(name)] == name
        place += 7 + len(name) + (len(name) + 1) % 2
    assert found == [8000, AT + LENGTH, 20000 + LENGTH]
    assert struct.unpack(">I", after[4:8])[0] == len(after) - 8


def test_tracks_of_a_flac_cue_sheet_come_later():
    from audio_inpaint.files.markers import moved_cue_sheet

    track = struct.pack(">QB12sB13sB", 588 * 20, 1, b"", 0, b"", 2) + struct.pack(">QB3sQB3s", 0, 0, b"", 588, 1, b"")
    out = struct.pack(">QB12sB13sB", 588 * 50, 170, b"", 0, b"", 0)
    sheet = b"".ljust(128, b"\0") + struct.pack(">Q", 0) + b"\x80" + bytes(258) + b"\x02" + track + out
    moved = moved_cue_sheet(sheet, [Insertion(588 * 20 + 100, 240)])
    assert struct.unpack_from(">Q", moved, 396) == (588 * 20,)
    assert struct.unpack_from(">Q", moved, 396 + 36) == (0,)
    assert struct.unpack_from(">Q", moved, 396 + 48) == (588 + 240,)
    assert struct.unpack_from(">Q", moved, 396 + 60) == (588 * 50 + 240,)
    assert (sheet[136], moved[136]) == (0x80, 0)
    assert moved_cue_sheet(sheet, []) == sheet
