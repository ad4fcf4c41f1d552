"""Lists of other programs are gaps."""

import json
import struct

import pytest
import soundfile
from test_cli import damaged, run

from audio_inpaint.errors import InputError
from audio_inpaint.gap_files import read_gaps, read_labels
from audio_inpaint.gaps import Gap

RATE = 16000
LISTS = {
    "rx in samples": "Marker file version: 1\nTime format: Samples\nclick\t1600\t2400\nMarker 2\t8000\n",
    "rx in time": "Marker file version: 1\nTime format: Time\n"
    "click\t00:00:00.100\t00:00:00.150\nMarker 2\t00:00:00.500\n",
    "reaper": "#,Name,Start,End,Length\nR1,click,0:00.100,0:00.150,0:00.050\nM1,,0:00.500,,\n",
    "reaper in seconds": "#,Name,Start,End,Length,Color\nR1,click,0.1,0.15,0.05,FF0000\nM1,,0.5,,,\n",
    "audition": "Name\tStart\tDuration\tTime Format\tType\tDescription\n"
    "click\t0:00.100\t0:00.050\tdecimal\tCue\t\nMarker 2\t0:00.500\t0:00.000\tdecimal\tCue\t\n",
    "audition in samples": "Name\tStart\tDuration\tTime Format\tType\tDescription\n"
    "click\t1600\t800\t16000 Hz samples\tCue\t\nMarker 2\t8000\t0\t16000 Hz samples\tCue\t\n",
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_regions_are_gaps_and_points_a_millisecond_on_each_side(tmp_path, name, encoding):
    path = tmp_path / "markers.txt"
    path.write_text(LISTS[name], encoding=encoding)
    (click, text), (point, _) = read_labels(path, RATE, RATE)
    assert click == Gap(1600, 2400)
    assert text == "click"
    assert point == Gap(7984, 8016)


def test_grooveclean_leaves_us_what_it_did_not_repair(tmp_path):
    spans = [(0, 1600, 1700, "lsar"), (1, 5000, 5600, "unrepaired"), (0, 9000, 9020, "cubic")]
    clicks = [
        {"channel": c, "start_sample": a, "end_sample": b, "width_samples": b - a, "confidence": 0.9, "repair": how}
        for c, a, b, how in spans
    ]
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"input": "side.wav", "sample_rate": RATE, "clicks": clicks}))
    assert read_gaps(path, RATE) == [Gap(5000, 5600, 1)]
    path.write_text(json.dumps({"clicks": clicks[:1]}))
    with pytest.raises(InputError, match="holds no marker"):
        read_gaps(path, RATE)


def test_the_log_of_a_repair_is_a_list_of_its_gaps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path / "in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480,9000:9100", "--log") == 0
    assert read_gaps("out.wav.json", RATE) == [Gap(6000, 6480), Gap(9000, 9100)]
    assert run("inpaint", "in.wav", "-o", "again.wav", "--gaps", "out.wav.json") == 0
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "out.wav").read_bytes()


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def test_cue_points_of_a_wav_file_are_its_gaps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path / "in.wav")
    plain = (tmp_path / "in.wav").read_bytes()
    points = [(1, 8000), (2, 6000)]
    cues = struct.pack("<I", 2) + b"".join(struct.pack("<II4sIII", i, s, b"data", 0, 0, s) for i, s in points)
    region = chunk(b"ltxt", struct.pack("<II4sHHHH", 2, 480, b"rgn ", 0, 0, 0, 0))
    label = chunk(b"labl", struct.pack("<I", 2) + b"dropout\0")
    body = plain[12:] + chunk(b"cue ", cues) + chunk(b"LIST", b"adtl" + region + label)
    (tmp_path / "marked.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    assert read_labels("marked.wav", RATE) == [(Gap(6000, 6480), "dropout"), (Gap(7984, 8016), "")]
    assert run("inpaint", "marked.wav", "-o", "out.wav", "--gaps", "marked.wav", "--method", "janssen") == 0
    before, after = (soundfile.read(name)[0] for name in ("marked.wav", "out.wav"))
    assert (before != after).nonzero()[0][0] >= 6000
    with pytest.raises(InputError, match="holds no marker that could be a gap"):
        read_gaps("in.wav", RATE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "JSON, but neither"),
        ('{"clicks": 5}', "JSON, but neither"),
        ('{"clicks": [{"repair": "unrepaired", "start_sample": 9, "end_sample": 4, "channel": 0}]}', "is no gap"),
        ("[" * 100000, "neither a CSV header"),
        ("{" * 100000, "JSON, but neither"),
        ("#,Name,Start,End,Length\nR1,x,3.2.00,4.1.00,1.0\n", "line 2: '3.2.00' is no time"),
        ("#,Name,Start,End,Length\nR1\n", "line 2: it lacks the columns"),
        ("Marker file version: 1\nTime format: Samples\nx\tabc\n", "line 3: 'abc' is no time"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path, monkeypatch, capsys, content, words):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path / "in.wav")
    (tmp_path / "list.txt").write_text(content)
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "list.txt") == 2
    said = capsys.readouterr().err
    assert words in said or "is not a text file of gaps" in said
    assert said.count("\n") == 1
