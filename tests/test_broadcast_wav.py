"""The coding history of a broadcast WAV file gets a line for the repair; all else in the file stays."""

import struct

import numpy as np
import pytest
import soundfile
from test_cli import run

RATE = 16000
LINE = b"A=PCM,F=16000,W=16,M=mono,T=audio_inpaint"


def broadcast(path, history, after=False, rf64=False, room=0):
    """Write a tone with a gap at 8000, with a broadcast extension before or after its samples; returns its chunks."""
    audio = np.rint(8000 * np.sin(np.arange(2 * RATE) / 6)).astype("<i2")
    audio[8000:8240] = 0
    bext = b"A take".ljust(602, b"\0") + history + bytes(room)
    chunks = [(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)), (b"data", audio.tobytes())]
    chunks.insert(2 if after else 0, (b"bext", bext))
    chunks.append((b"iXML", b"<BWFXML/>"))
    if rf64:
        chunks.insert(0, (b"ds64", bytes(28)))
    body = b""
    for name, content in chunks:
        size = 0xFFFFFFFF if rf64 and name == b"data" else len(content)
        body += name + struct.pack("<I", size) + content + bytes(len(content) % 2)
    whole = bytearray(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    if rf64:
        whole[:8] = b"RF64" + b"\xff" * 4
        whole[20:44] = struct.pack("<QQQ", len(whole) - 8, audio.nbytes, len(audio))
    path.write_bytes(whole)


def chunks(path):
    """Read the chunks of a file, whose sizes have to add up."""
    content = path.read_bytes()
    rf64 = content[:4] == b"RF64"
    assert (struct.unpack_from("<Q", content, 20) if rf64 else struct.unpack_from("<I", content, 4))[0] == len(
        content
    ) - 8
    found, place = {}, 12
    while place < len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        if rf64 and name == b"data":
            (size,) = struct.unpack_from("<Q", content, 28)
        found[name] = content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    return found


@pytest.mark.parametrize("rf64", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("room", [0, 7, 500])
@pytest.mark.parametrize("history", [b"", b"A=ANALOGUE,M=mono,T=Studer A80\r\n", b"no end of line"])
@pytest.mark.parametrize("gaps", ["8000:8240", "8000:8240,12000:+241"])
def test_a_repair_is_a_line_more_and_revert_takes_it_back(tmp_path, monkeypatch, history, room, after, rf64, gaps):
    monkeypatch.chdir(tmp_path)
    source, room = tmp_path / "in.wav", room + (rf64 and room % 2)  # libsndfile reads no RF64 with odd chunks
    broadcast(source, history, after, rf64, room)
    options = ["--gaps", gaps, "--method", "silence", "--keep-original"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *options) == 0
    before, now = chunks(source), chunks(tmp_path / "out.wav")
    assert list(before) == list(now)
    lines = now[b"bext"][602:].rstrip(b"\0").split(b"\r\n")
    assert lines[:-2] == [line for line in history.split(b"\r\n") if line]
    assert lines[-2].startswith(LINE)
    assert lines[-2].endswith(b"filled and 15.0625 ms inserted at 1 place" if "+" in gaps else b" filled")
    assert lines[-1] == b""
    assert now[b"bext"][:602] == before[b"bext"][:602]
    assert now[b"iXML"] == before[b"iXML"]
    if room == 500:
        assert len(now[b"bext"]) == len(before[b"bext"])
    inserted = 2 * 241 if "+" in gaps else 0
    assert len(now[b"data"]) == len(before[b"data"]) + inserted
    assert now[b"data"][: 2 * 12000] == before[b"data"][: 2 * 12000]
    assert now[b"data"][2 * 12000 + inserted :] == before[b"data"][2 * 12000 :]
    assert soundfile.info("out.wav").frames == 2 * RATE + inserted // 2
    assert run("revert", "out.wav", "-o", "back.wav") == 0
    assert (tmp_path / "back.wav").read_bytes() == source.read_bytes()
    assert (tmp_path / "out.wav.original").stat().st_size < 5000
