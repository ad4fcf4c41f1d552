"""A lossy file that is encoded again keeps about its bit rate, and its tags; chunks that are lost are named."""

import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile
from test_patching import make

from audio_inpaint.files.bit_rate import encoding
from audio_inpaint.files.metadata import beside_sound
from audio_inpaint.files.patching import write_patched
from audio_inpaint.files.recording import Reader

SECONDS = 6


def music(rate):
    """Tones with noise: what takes bits."""
    random, time = np.random.default_rng(0), np.arange(SECONDS * rate) / rate
    tones = sum(np.sin(2 * np.pi * f * time) for f in (220, 331, 447, 1203, 3011)) / 12
    return np.stack([tones + 0.05 * random.standard_normal(len(time)) for _ in range(2)], 1)


@pytest.mark.parametrize(
    ("suffix", "container", "subtype", "rate", "options"),
    [
        (".opus", "OGG", "OPUS", 48000, {"compression_level": 0.8}),
        (".opus", "OGG", "OPUS", 48000, {"compression_level": 0.5}),
        (".ogg", "OGG", "VORBIS", 44100, {"compression_level": 0.7}),
        (".ogg", "OGG", "VORBIS", 44100, {"compression_level": 0.4}),
        (".mp3", "MP3", "MPEG_LAYER_III", 44100, {"compression_level": 0.67, "bitrate_mode": "CONSTANT"}),
        (".mp3", "MP3", "MPEG_LAYER_III", 22050, {"compression_level": 0.6, "bitrate_mode": "CONSTANT"}),
    ],
)
def test_a_lossy_file_keeps_about_its_bit_rate(tmp_path, suffix, container, subtype, rate, options):
    source, output = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    with soundfile.SoundFile(source, "w", rate, 2, subtype, None, container, **options) as file:
        file.write(music(rate))
    with Reader(source) as reader:
        write_patched(reader, output, [])
    assert 0.85 < output.stat().st_size / source.stat().st_size < 1.15


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
@pytest.mark.parametrize("suffix", [".mka", ".mkv"])
@pytest.mark.parametrize(
    ("codec", "rate", "kbps"),
    [("libopus", 48000, 64), ("libopus", 48000, 128), ("libvorbis", 44100, 96), ("libvorbis", 44100, 160)],
)
def test_a_matroska_file_keeps_about_the_bit_rate_that_it_does_not_state(tmp_path, suffix, codec, rate, kbps):
    wav, source, output = tmp_path / "in.wav", tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    soundfile.write(wav, music(rate), rate)
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, "-c:a", codec, "-b:a", f"{kbps}k", source], check=True)
    with Reader(source) as reader:
        write_patched(reader, output, [])
    assert 0.8 < output.stat().st_size / source.stat().st_size < 1.2


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_any_rate_goes_into_a_matroska_file(tmp_path, rate):
    soundfile.write(tmp_path / "in.wav", music(rate)[:, 0], rate)
    with Reader(tmp_path / "in.wav") as reader:
        write_patched(reader, tmp_path / "out.mka", [])
    with Reader(tmp_path / "out.mka") as reader:
        assert reader.length >= SECONDS * rate


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("kbps", [24, 32, 48, 56, 64])
def test_an_mp3_file_of_few_bits_keeps_its_length(tmp_path, rate, kbps):
    """A frame of the encoder's says how long the file is, for which frames of a constant low rate have no room."""
    place = tmp_path / "out.mp3"
    how = encoding("MPEG_LAYER_III", rate, 1, kbps)
    with soundfile.SoundFile(place, "w", rate, 1, format="MP3", **how) as file:
        file.write(music(rate)[:, 0])
    assert soundfile.info(place).frames == SECONDS * rate


def synchsafe(size):
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def test_every_tag_of_an_mp3_file_is_kept_the_cover_too(tmp_path):
    plain = make(tmp_path / "plain.mp3", "MP3", "MPEG_LAYER_III", 0.1 * music(44100), 44100)
    picture = b"\0image/png\0\3\0" + bytes(range(256)) * 40
    frames = b"".join(
        name + struct.pack(">I", len(content)) + b"\0\0" + content
        for name, content in ((b"TPE2", b"\0Album artist"), (b"PRIV", b"owner\0secret"), (b"APIC", picture))
    )
    tag = b"ID3\3\0\0" + synchsafe(len(frames)) + frames
    trailer = b"TAG" + b"Air".ljust(125, b"\0")
    (tmp_path / "in.mp3").write_bytes(tag + plain.read_bytes() + trailer)
    with Reader(tmp_path / "in.mp3") as reader:
        write_patched(reader, tmp_path / "out.mp3", [])
    content = (tmp_path / "out.mp3").read_bytes()
    assert content.startswith(tag)
    assert content.endswith(trailer)
    assert content.count(b"ID3") == 1
    before, after = (soundfile.read(tmp_path / name)[0] for name in ("in.mp3", "out.mp3"))
    assert before.shape == after.shape


def test_chunks_that_another_format_has_no_place_for_are_named(tmp_path):
    source = make(tmp_path / "plain.wav", "WAV", "PCM_16")
    content = source.read_bytes()
    chunks = b"".join(name + struct.pack("<I", 5) + b"abcde\0" for name in (b"bext", b"iXML", b"cue "))
    body = b"WAVE" + chunks + content[12:]
    (tmp_path / "in.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with Reader(tmp_path / "in.wav") as reader:
        notes = write_patched(reader, tmp_path / "out.flac", [])
        assert notes == ["not kept: the chunks bext, iXML, cue"]
        assert write_patched(reader, tmp_path / "out.wav", []) == []
    assert chunks in (tmp_path / "out.wav").read_bytes()
    with open(source, "rb") as file:
        assert beside_sound(file, "WAV") == []
