import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from audio_inpaint.errors import InputError
from audio_inpaint.files.patching import Fill
from audio_inpaint.files.patching import write_patched as patched
from audio_inpaint.files.recording import BLOCK, Reader
from audio_inpaint.gaps import Gap

LENGTH = 4001
PCM = ["PCM_16", "PCM_24", "PCM_32"]
UNCOMPRESSED = [
    *[(".wav", "WAV", subtype) for subtype in ["PCM_U8", *PCM, "FLOAT", "DOUBLE", "ULAW", "ALAW"]],
    *[(".wav", "WAVEX", subtype) for subtype in ["PCM_U8", *PCM, "FLOAT", "DOUBLE"]],
    *[(".wav", "RF64", subtype) for subtype in ["PCM_U8", *PCM, "FLOAT", "DOUBLE"]],
    *[(".w64", "W64", subtype) for subtype in ["PCM_U8", *PCM, "FLOAT", "DOUBLE"]],
    *[(".aiff", "AIFF", subtype) for subtype in ["PCM_S8", "PCM_U8", *PCM, "FLOAT", "DOUBLE"]],
    *[(".au", "AU", subtype) for subtype in ["PCM_S8", *PCM, "FLOAT", "DOUBLE", "ULAW"]],
]
LOSSLESS = [
    *UNCOMPRESSED,
    *[(".flac", "FLAC", subtype) for subtype in ["PCM_S8", "PCM_16", "PCM_24"]],
    *[(".caf", "CAF", subtype) for subtype in [*PCM, "FLOAT", "ALAC_16", "ALAC_24"]],
]


def noise(length=LENGTH, channels=2, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (length, channels))


def make(path, format_, subtype, samples=None, rate=44100, **fields):
    """An audio file of noise that reaches full scale on both sides."""
    samples = noise() if samples is None else samples
    if subtype not in ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_III"):
        samples = np.rint(samples * (2**31 - 1)).astype(np.int32)
        samples[0], samples[1] = -(2**31), 2**31 - 1
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], subtype, None, format_) as file:
        for name, text in fields.items():
            setattr(file, name, text)
        file.write(samples)
    return path


def stored(path):
    """The samples as the file has them: integers of its own depth, left-aligned, or floats; by soundfile alone."""
    kind = {"FLOAT": "float32", "DOUBLE": "float64"}.get(soundfile.info(path).subtype, "int32")
    return soundfile.read(path, dtype=kind, always_2d=True)[0]


def patch(start, stop, channels, seed=9):
    values = np.random.default_rng(seed).uniform(-0.9, 0.9, (len(channels), stop - start))
    return Fill(Gap(start, stop, channels[0] if len(channels) == 1 else None), torch.from_numpy(values))


def write_patched(source, output, fills):
    with Reader(source) as reader:
        return patched(reader, output, fills)


def outside(length, channels, patches):
    known = np.ones((length, channels), bool)
    for p in patches:
        known[p.gap.start : p.gap.stop, p.channels] = False
    return known


@pytest.mark.parametrize(("suffix", "format_", "subtype"), LOSSLESS)
def test_lossless_files_come_back_bit_for_bit_outside_the_patches(tmp_path, suffix, format_, subtype):
    source, output = make(tmp_path / f"in{suffix}", format_, subtype), tmp_path / f"out{suffix}"
    patches = [patch(0, 50, [1]), patch(1000, 1300, [0, 1]), patch(LENGTH - 20, LENGTH, [0])]

    assert write_patched(source, output, patches) == []

    old, new = soundfile.info(source), soundfile.info(output)
    assert (new.format, new.subtype, new.samplerate) == (old.format, old.subtype, old.samplerate)
    known = outside(LENGTH, 2, patches)
    before, after = stored(source), stored(output)
    assert before.shape == after.shape
    assert before[known].tobytes() == after[known].tobytes()
    step = {"PCM_U8": 2**-7, "PCM_S8": 2**-7, "ULAW": 2**-4, "ALAW": 2**-4, "DOUBLE": 1e-15, "FLOAT": 1e-7}.get(subtype)
    step = step or 2.0 ** (1 - int(subtype.split("_")[1]))
    restored = soundfile.read(output, always_2d=True)[0]
    for p in patches:
        error = restored[p.gap.start : p.gap.stop, p.channels].T - p.audio.numpy()
        assert np.abs(error).max() <= step * (0.5 + 1e-6)


@pytest.mark.parametrize(("suffix", "format_", "subtype"), UNCOMPRESSED)
def test_uncompressed_files_change_in_no_byte_but_those_of_the_patch(tmp_path, suffix, format_, subtype):
    source, output = make(tmp_path / f"in{suffix}", format_, subtype), tmp_path / f"out{suffix}"
    write_patched(source, output, [patch(1000, 1100, [0, 1])])
    old, new = (np.frombuffer(path.read_bytes(), np.uint8) for path in (source, output))
    assert old.shape == new.shape
    changed = np.flatnonzero(old != new)
    width = {"U8": 1, "S8": 1, "16": 2, "24": 3, "32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1}
    assert 0 < changed[-1] - changed[0] < 200 * width[subtype.removeprefix("PCM_")]


@pytest.mark.parametrize("size", [None, 0xFFFFFFFF])
def test_wav_chunks_of_other_programs_survive(tmp_path, size):
    chunks = [
        (b"junk", b"odd"),
        (b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)),
        (b"data", np.arange(2000, dtype="<i2").tobytes()),
        (b"cue ", struct.pack("<I", 1) + bytes(24)),
        (b"LIST", b"INFOIART\x04\0\0\0Bach"),
        (b"iXML", b"<BWFXML/>"),
    ]
    if size is not None:  # what a program writes that cannot go back to the header
        chunks = chunks[:3]
    body = b""  # a broadcast extension: test_broadcast_wav.py
    for name, content in chunks:
        declared = size if name == b"data" and size is not None else len(content)
        body += name + struct.pack("<I", declared) + content + b"\0" * (len(content) % 2)
    source, output = tmp_path / "in.wav", tmp_path / "out.wav"
    source.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)

    write_patched(
        source, output, [Fill(Gap(500, 500 + torch.full((1, 100), 0.25).shape[-1], 0), torch.full((1, 100), 0.25))]
    )

    at = source.read_bytes().index(b"data") + 8
    expected = bytearray(source.read_bytes())
    expected[at + 1000 : at + 1200] = np.full(100, 8192, "<i2").tobytes()
    assert output.read_bytes() == expected


def test_nan_and_infinite_samples_of_float_files_are_copied_like_any_other(tmp_path):
    samples = noise().astype(np.float32)
    samples[10, 0], samples[3000, 1] = np.nan, -np.inf
    source = make(tmp_path / "in.wav", "WAV", "FLOAT", samples)
    write_patched(source, tmp_path / "out.wav", [patch(100, 200, [0])])
    known = outside(LENGTH, 2, [patch(100, 200, [0])])
    assert stored(source)[known].tobytes() == stored(tmp_path / "out.wav")[known].tobytes()


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("rate", [11025, 96000])
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_channels_and_rates_are_kept(tmp_path, channels, rate, suffix):
    format_ = suffix[1:].upper()
    source = make(tmp_path / f"in{suffix}", format_, "PCM_24", noise(channels=channels), rate)
    write_patched(source, tmp_path / f"out{suffix}", [patch(5, 9, [channels - 1])])
    info = soundfile.info(tmp_path / f"out{suffix}")
    assert (info.channels, info.samplerate, info.frames) == (channels, rate, LENGTH)
    known = outside(LENGTH, channels, [patch(5, 9, [channels - 1])])
    assert np.array_equal(stored(source)[known], stored(tmp_path / f"out{suffix}")[known])


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_patches_that_cross_the_blocks_of_a_stream_arrive_whole(tmp_path, suffix):
    source = make(tmp_path / "in.flac", "FLAC", "PCM_16", noise(2 * BLOCK + 77, 1))
    p = patch(BLOCK - 5, 2 * BLOCK + 5, [0])
    write_patched(source, tmp_path / f"out{suffix}", [p])
    expected = stored(source)
    expected[p.gap.start : p.gap.stop, 0] = np.rint(p.audio[0].numpy() * 2**15).astype(np.int64) * 2**16
    assert np.array_equal(stored(tmp_path / f"out{suffix}"), expected)


def test_restored_integers_are_rounded_and_clipped_not_wrapped(tmp_path):
    source = make(tmp_path / "in.wav", "WAV", "PCM_16", np.zeros((100, 1)))
    values = torch.tensor([[2.0, -2.0, 1.0, -1.0, 0.6 / 32768, -0.6 / 32768, 0.4 / 32768]])
    write_patched(source, tmp_path / "out.wav", [Fill(Gap(10, 10 + values.shape[-1], 0), values)])
    got = soundfile.read(tmp_path / "out.wav", dtype="int16")[0][10:17]
    assert got.tolist() == [32767, -32768, 32767, -32768, 1, -1, 0]


def test_known_samples_beyond_full_scale_are_refused_not_clipped(tmp_path):
    loud = np.zeros((100, 1))
    loud[10], loud[20] = 1.0, 5.0
    source = make(tmp_path / "in.wav", "WAV", "FLOAT", loud)
    fill = Fill(Gap(20, 21), torch.full((1, 1), 3.0))
    write_patched(source, tmp_path / "out.flac", [fill])
    assert soundfile.read(tmp_path / "out.flac")[0][[10, 20]] == pytest.approx([1, 1], abs=1e-6)
    with pytest.raises(InputError, match=r"samples beyond full scale, which FLAC cannot hold: name .* \.wav"):
        write_patched(source, tmp_path / "other.flac", [])
    assert not (tmp_path / "other.flac").exists()


def test_the_note_on_a_lossy_format_names_another_one(tmp_path):
    source = make(tmp_path / "in.wav", "WAV", "IMA_ADPCM", 0.5 * noise(), 48000)
    (note,) = write_patched(source, tmp_path / "out.wav", [])
    assert "a .flac file keeps" in note


@pytest.mark.parametrize(
    ("source", "output", "subtype", "exact"),
    [
        (("WAV", "PCM_24"), ".flac", "PCM_24", True),
        (("FLAC", "PCM_16"), ".wav", "PCM_16", True),
        (("FLAC", "PCM_S8"), ".wav", "PCM_U8", True),
        (("WAV", "PCM_U8"), ".flac", "PCM_S8", True),
        (("WAV", "PCM_32"), ".aiff", "PCM_32", True),
        (("WAV", "DOUBLE"), ".w64", "DOUBLE", True),
        (("AIFF", "FLOAT"), ".wav", "FLOAT", True),
        (("WAV", "ULAW"), ".flac", "PCM_16", True),
        (("OGG", "VORBIS"), ".wav", "FLOAT", True),
        (("MP3", "MPEG_LAYER_III"), ".wav", "FLOAT", True),
        (("WAV", "FLOAT"), ".flac", "PCM_24", False),
        (("WAV", "PCM_32"), ".flac", "PCM_24", False),
        (("WAV", "PCM_16"), ".ogg", "VORBIS", False),
        (("WAV", "PCM_16"), ".opus", "OPUS", False),
    ],
)
def test_another_suffix_takes_the_nearest_sample_format_and_says_what_is_lost(tmp_path, source, output, subtype, exact):
    path = make(tmp_path / f"in.{source[0].lower()}", *source, 0.5 * noise(), 48000)
    notes = write_patched(path, tmp_path / f"out{output}", [])
    assert soundfile.info(tmp_path / f"out{output}").subtype == subtype
    assert (notes == []) == exact
    before = soundfile.read(path, always_2d=True)[0]
    after = soundfile.read(tmp_path / f"out{output}", always_2d=True)[0]
    assert before.shape == after.shape
    if exact:
        assert np.array_equal(before, after)


@pytest.mark.parametrize(
    ("suffix", "subtype", "rate"),
    [(".ogg", "VORBIS", 44100), (".opus", "OPUS", 48000), (".mp3", "MPEG_LAYER_III", 44100)],
)
def test_lossy_files_keep_length_and_nearly_their_samples(tmp_path, suffix, subtype, rate):
    time = np.arange(rate * 2 + 123) / rate
    tone = np.stack([0.5 * np.sin(2 * np.pi * 440 * time), 0.3 * np.sin(2 * np.pi * 990 * time)], 1)
    source = make(tmp_path / f"in{suffix}", "MP3" if suffix == ".mp3" else "OGG", subtype, tone, rate, title="Air")
    (note,) = write_patched(source, tmp_path / f"out{suffix}", [])
    assert "re-encoded" in note
    before, after = soundfile.read(source)[0], soundfile.read(tmp_path / f"out{suffix}")[0]
    assert before.shape == after.shape
    middle = slice(4000, -4000)
    assert np.sqrt(np.mean((before - after)[middle] ** 2)) < 0.1 * np.sqrt(np.mean(before[middle] ** 2))
    with soundfile.SoundFile(tmp_path / f"out{suffix}") as file:
        assert file.title == "Air"


def test_flac_comments_and_pictures_survive(tmp_path):
    source = make(tmp_path / "plain.flac", "FLAC", "PCM_16")
    data = source.read_bytes()
    comment = struct.pack("<I", 4) + b"test" + struct.pack("<I", 1) + struct.pack("<I", 16) + b"ALBUMARTIST=Bach"
    picture = struct.pack(">8I", 3, 0, 0, 0, 0, 0, 0, 268) + bytes(268)
    end, blocks = 4, []
    while True:
        head, size = data[end], int.from_bytes(data[end + 1 : end + 4], "big")
        blocks.append((head & 0x7F, data[end + 4 : end + 4 + size]))
        end += 4 + size
        if head & 0x80:
            break
    blocks = [blocks[0], (4, comment), (6, picture)]
    tagged = tmp_path / "tagged.flac"
    head = b"".join(
        bytes([kind | (0x80 if content is picture else 0)]) + len(content).to_bytes(3, "big") + content
        for kind, content in blocks
    )
    tagged.write_bytes(b"fLaC" + head + data[end:])

    write_patched(tagged, tmp_path / "out.flac", [patch(0, 10, [0])])

    new = (tmp_path / "out.flac").read_bytes()
    assert comment in new[:2000]
    assert b"\x86\x00\x01\x2c" + picture in new[:2000]
    assert np.array_equal(stored(tagged)[10:], stored(tmp_path / "out.flac")[10:])


def test_text_fields_survive_a_change_of_format(tmp_path):
    source = make(tmp_path / "in.flac", "FLAC", "PCM_16", artist="Bach", title="Air")
    write_patched(source, tmp_path / "out.wav", [])
    with soundfile.SoundFile(tmp_path / "out.wav") as file:
        assert (file.artist, file.title) == ("Bach", "Air")


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_output_may_not_be_the_input(tmp_path, link):
    source = make(tmp_path / "in.wav", "WAV", "PCM_16")
    before = source.read_bytes()
    output = source
    if link:
        output = tmp_path / "other.wav"
        link(source, output)
    with pytest.raises(InputError, match=r"is the input .*itself"):
        write_patched(source, output, [])
    assert source.read_bytes() == before


def test_an_output_that_is_no_regular_file_is_refused(tmp_path):
    source = make(tmp_path / "in.wav", "WAV", "PCM_16")
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(InputError, match="not a regular file"):
        write_patched(source, tmp_path / "pipe.wav", [])


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_full_disk_gives_one_line_and_no_half_file(tmp_path, suffix):
    source = make(tmp_path / "in.wav", "WAV", "PCM_16", noise(100_000))
    code = """
import resource, sys
from audio_inpaint.errors import InputError
from audio_inpaint.files.patching import write_patched
from audio_inpaint.files.recording import Reader
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with Reader(sys.argv[1]) as reader:
        write_patched(reader, sys.argv[2], [])
except InputError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(source), str(tmp_path / f"out{suffix}")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert os.listdir(tmp_path) == ["in.wav"]


def test_truncated_wav_is_taken_as_far_as_it_goes(tmp_path):
    source = make(tmp_path / "in.wav", "WAV", "PCM_16")
    cut = tmp_path / "cut.wav"
    cut.write_bytes(source.read_bytes()[:5000])
    write_patched(cut, tmp_path / "out.wav", [patch(100, 200, [0])])
    assert (tmp_path / "out.wav").stat().st_size == 5000
    assert np.array_equal(stored(tmp_path / "out.wav")[200:], stored(cut)[200:])
