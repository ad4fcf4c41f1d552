"""What an output lacks of what a file says beside its sound is named."""

import io
import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile
from test_cli import run
from test_lossy_files import synchsafe

from audio_inpaint.files.metadata import beside_sound

RATE = 44100
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    audio = 0.3 * np.sin(np.arange(2 * RATE) / 8)
    audio[RATE : RATE + 400] = 0
    soundfile.write("plain.wav", audio, RATE)
    return tmp_path


def said(capsys, source, output):
    """What is said of an output beside the line of the repair."""
    options = ["--gaps", f"{RATE}:{RATE + 400}", "--method", "silence", "--overwrite"]
    assert run("inpaint", source, "-o", output, *options) == 0
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{output}: not kept")]


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def with_chunks(path, content):
    whole = bytearray(path.read_bytes() + content)
    whole[4:8] = struct.pack("<I", len(whole) - 8)
    path.write_bytes(whole)


def test_chunks_and_text_of_a_wav_file(here, capsys):
    info = b"INFO" + chunk(b"INAM", b"Air") + chunk(b"IENG", b"me")
    with_chunks(here / "plain.wav", chunk(b"bext", bytes(602)) + chunk(b"cue ", bytes(4)) + chunk(b"LIST", info))
    assert said(capsys, "plain.wav", "out.flac") == ["out.flac: not kept: the chunks bext, cue, IENG"]
    assert said(capsys, "plain.wav", "out.ogg") == ["out.ogg: not kept: the chunks bext, cue, IENG"]
    assert said(capsys, "plain.wav", "out.w64") == ["out.w64: not kept: the title, the chunks bext, cue, IENG"]
    assert said(capsys, "plain.wav", "out.wav") == []


def test_chunks_of_a_wav_file_that_is_encoded_anew(here, capsys):
    audio = soundfile.read("plain.wav")[0]
    soundfile.write("in.wav", audio, RATE, subtype="IMA_ADPCM")
    with_chunks(here / "in.wav", chunk(b"bext", bytes(602)))
    assert said(capsys, "in.wav", "out.wav") == ["out.wav: not kept: the chunk bext"]


@needs_ffmpeg
def test_tags_and_pictures_of_other_formats(here, capsys):
    subprocess.run(
        "ffmpeg -v error -f lavfi -i color=red:size=32x32 -frames:v 1 c.png && "
        "ffmpeg -v error -i plain.wav -i c.png -map 0 -map 1 -disposition:v attached_pic -metadata title=Air "
        "-metadata mood=calm in.flac && "
        "ffmpeg -v error -i plain.wav -metadata title=Air -metadata mood=calm in.ogg && "
        "ffmpeg -v error -i plain.wav -c:a libopus -metadata mood=calm in.opus && "
        "ffmpeg -v error -i plain.wav -i c.png -map 0 -map 1 -c:v copy -disposition:v attached_pic in.m4a",
        shell=True,
        check=True,
    )
    assert said(capsys, "in.flac", "out.flac") == []
    assert said(capsys, "in.flac", "out.wav") == ["out.wav: not kept: the tag MOOD, the picture"]
    assert said(capsys, "in.ogg", "out.ogg") == ["out.ogg: not kept: the tag MOOD"]
    assert said(capsys, "in.opus", "out.flac") == ["out.flac: not kept: the tag MOOD"]
    assert said(capsys, "in.m4a", "out.wav") == ["out.wav: not kept: the picture"]
    assert said(capsys, "in.m4a", "out.m4a") == []


@pytest.mark.parametrize("version", [2, 3, 4])
def test_frames_of_an_mp3_file(here, capsys, version):
    audio = soundfile.read("plain.wav")[0]
    soundfile.write("in.mp3", audio, RATE)
    names = [b"TP1", b"PIC", b"TXX"] if version == 2 else [b"TPE1", b"APIC", b"PRIV"]
    content = b"\0some text" * 20
    frames = b""
    for name in names:
        size = synchsafe(len(content)) if version == 4 else struct.pack(">I", len(content))
        frames += name + (size[1:] if version == 2 else size + b"\0\0") + content
    tag = b"ID3" + bytes([version, 0, 0]) + synchsafe(len(frames) + 10) + frames + bytes(10)
    (here / "in.mp3").write_bytes(tag + (here / "in.mp3").read_bytes())
    (line,) = said(capsys, "in.mp3", "out.ogg")
    assert line.endswith("not kept: the ID3 frames " + ", ".join(name.decode() for name in names[1:]))
    assert said(capsys, "in.mp3", "out.mp3") == []


@pytest.mark.parametrize("container", ["WAV", "AIFF", "MP3", "FLAC", "OGG", "AU"])
def test_junk_says_nothing(container):
    for seed in range(20):
        junk = np.random.default_rng(seed).integers(0, 256, 400).astype(np.uint8).tobytes()
        for head in (b"", b"RIFF....WAVE", b"fLaC\x84\0\0\x40", b"OggS", b"ID3\3\0\0\0\0\1\0", b"FORM....AIFF"):
            assert isinstance(beside_sound(io.BytesIO(head + junk), container), list)
