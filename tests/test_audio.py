import os
import stat

import numpy as np
import pytest
import soundfile
import torch

from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.recording import Reader, read, write
from audio_inpaint.repairing import repair_file


def noise(path, length, **kind):
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, (length, 2)), 48000, **kind)
    return path


@pytest.mark.parametrize(
    ("suffix", "format_", "subtype"),
    [
        (".wav", "WAV", "PCM_24"),
        (".flac", "FLAC", "PCM_16"),
        (".ogg", "OGG", "VORBIS"),
        (".opus", "OGG", "OPUS"),
        (".mp3", "MP3", "MPEG_LAYER_III"),
    ],
)
def test_spans_in_any_order_equal_the_same_spans_of_the_whole_file(tmp_path, suffix, format_, subtype):
    source = noise(tmp_path / f"in{suffix}", 60_000, format=format_, subtype=subtype)
    whole = soundfile.read(source, always_2d=True)[0].T
    with Reader(source) as reader:
        for start, stop in [(50001, 52000), (7, 9000), (9000, 9001), (30000, 60000)]:
            assert np.array_equal(reader.read(start, stop).numpy(), whole[:, start:stop])


@pytest.mark.parametrize(
    ("suffix", "subtype", "dtype"),
    [
        (".wav", "PCM_U8", torch.float32),
        (".wav", "PCM_16", torch.float32),
        (".wav", "PCM_24", torch.float32),
        (".wav", "PCM_32", torch.float64),
        (".wav", "FLOAT", torch.float32),
        (".wav", "DOUBLE", torch.float64),
        (".wav", "ULAW", torch.float32),
        (".wav", "MS_ADPCM", torch.float32),
        (".caf", "ALAC_24", torch.float32),
        (".caf", "ALAC_32", torch.float64),
        (".flac", "PCM_24", torch.float32),
        (".ogg", "VORBIS", torch.float32),
        (".mp3", "MPEG_LAYER_III", torch.float32),
    ],
)
def test_the_type_of_a_file_holds_its_samples_exactly(tmp_path, suffix, subtype, dtype):
    with Reader(noise(tmp_path / f"in{suffix}", 9000, subtype=subtype)) as reader:
        assert reader.dtype == dtype
        audio = reader.read(0, reader.length)
    assert torch.equal(audio.to(dtype).double(), audio)


def test_write_and_read_return_the_same_samples(tmp_path):
    audio = torch.randn(3, 1000, dtype=torch.float64)
    write(tmp_path / "a.wav", audio, 22050, subtype="DOUBLE")
    got, rate = read(tmp_path / "a.wav")
    assert rate == 22050
    assert torch.equal(got, audio)


def test_outputs_get_the_permissions_of_any_new_file(tmp_path):
    write(tmp_path / "a.wav", torch.zeros(1, 10), 8000)
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.wav"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.wav"]


def test_write_rounds_and_clips_to_the_sample_format(tmp_path):
    write(tmp_path / "a.flac", torch.tensor([1.5, -1.5, 0.6 / 32768, -0.4 / 32768]), 8000, subtype="PCM_16")
    assert soundfile.read(tmp_path / "a.flac", dtype="int16")[0].tolist() == [32767, -32768, 1, 0]


def test_blocks_give_the_file_in_order(tmp_path):
    audio = torch.rand(2, 1000, dtype=torch.float64)
    write(tmp_path / "a.wav", audio, 8000, subtype="DOUBLE")
    with Reader(tmp_path / "a.wav") as reader:
        found = list(reader.blocks(300))
    assert [start for start, _ in found] == [0, 300, 600, 900]
    assert torch.equal(torch.cat([block for _, block in found], -1), audio)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.wav", None, "No such file"),
        ("a.wav", b"", "empty"),
        ("a.wav", b"no audio at all", "it holds text"),
        ("a.raw", b"headerless", "it holds text"),
    ],
)
def test_what_is_no_audio_is_refused_in_one_line(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        Reader(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "rate", "words"),
    [("a.xyz", 8000, "should end in"), ("no/a.ogg", 250_000, "cannot hold"), ("a.opus", 44100, "cannot hold")],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, name, rate, words):
    with pytest.raises(InputError, match=words):
        write(tmp_path / name, torch.zeros(1, 10), rate, subtype="OPUS" if name.endswith("opus") else None)
    assert os.listdir(tmp_path) == []


# what libsndfile can decode from the start only
UNSEEKABLE = [
    ("AIFF", "GSM610"),
    ("AU", "G721_32"),
    ("AU", "G723_24"),
    ("AU", "G723_40"),
    ("W64", "GSM610"),
    ("WAV", "GSM610"),
    ("WAV", "G721_32"),
    ("WAV", "NMS_ADPCM_16"),
    ("WAV", "NMS_ADPCM_24"),
    ("WAV", "NMS_ADPCM_32"),
    ("XI", "DPCM_8"),
    ("XI", "DPCM_16"),
]


@pytest.mark.parametrize(("container", "subtype"), UNSEEKABLE)
def test_codecs_that_cannot_seek_are_read_and_repaired(tmp_path, container, subtype):
    signal = np.sin(np.arange(300_000) / 10) / 2
    source, output = (tmp_path / f"{name}.{container.lower()}" for name in ("in", "out"))
    soundfile.write(source, signal, 8000, format=container, subtype=subtype)
    with soundfile.SoundFile(source) as file:
        assert not file.seekable()
        whole = file.read(file.frames)
    with Reader(source) as reader:
        for start, stop in [(150_001, 152_000), (7, 9000), (200_000, len(whole))]:
            assert np.array_equal(reader.read(start, stop)[0].numpy(), whole[start:stop])
    repair_file(source, output, [(8000, 8200)], "silence")
    with soundfile.SoundFile(output) as file:
        assert (file.subtype, file.frames) == (subtype, len(whole))
        again = file.read(9000)[8040:8160]
    assert np.abs(again).mean() < 0.1 * np.abs(whole[8040:8160]).mean()  # silent, but for what the codec adds


@pytest.mark.parametrize("subtype", ["DWVW_16", "DWVW_24"])
def test_a_codec_that_is_not_decoded_is_named_and_the_rest_of_a_batch_is_done(tmp_path, capsys, subtype):
    signal = np.sin(np.arange(8000) / 10) / 2
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.aiff", signal, 8000, subtype=subtype)
    soundfile.write(tmp_path / "in" / "b.aiff", signal, 8000, subtype="PCM_16")
    options = ["--gaps", "0.1-0.12", "--method", "silence"]
    assert main(["inpaint", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *options]) == 2
    first, last = capsys.readouterr().err.splitlines()
    assert f"a.aiff holds {subtype} samples, a codec that cannot be read here: convert it first" in first
    assert "1 of 2 files not restored" in last
    assert os.listdir(tmp_path / "out") == ["b.aiff"]


def test_whatever_libsndfile_says_while_reading_names_the_file(tmp_path, monkeypatch):
    source = noise(tmp_path / "in.wav", 60_000)
    with Reader(source) as reader:

        def refuse(*_):
            raise soundfile.LibsndfileError(39, "Internal psf_fseek() failed: ")

        monkeypatch.setattr(reader._file, "seek", refuse)
        with pytest.raises(InputError, match=r"in\.wav is damaged at 0\.625 s: .*psf_fseek"):
            reader.read(30_000, 40_000)
