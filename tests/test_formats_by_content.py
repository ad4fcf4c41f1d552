"""What libsndfile does not read is given to ffmpeg, whatever it is called."""

import numpy as np
import pytest
from test_cli import run
from test_media import RATE, decoded, ffmpeg, filled, needs_ffmpeg, plain, probed


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain()
    return tmp_path


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".oga", ".eac3", ".flv", ".ts", ".rm"])
def test_what_ffmpeg_alone_reads_and_writes_is_repaired_under_its_own_name(here, suffix):
    codec = {".oga": "flac", ".eac3": "eac3", ".flv": "aac", ".ts": "aac", ".rm": "ac3"}[suffix]
    ffmpeg("-i", "plain.wav", "-c:a", codec, f"in{suffix}")
    assert run("inpaint", f"in{suffix}", "-o", f"out{suffix}", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert filled(f"out{suffix}")
    assert probed(f"out{suffix}")["streams"][0]["codec_name"] == codec


@needs_ffmpeg
def test_ogg_flac_keeps_every_known_sample(here):
    ffmpeg("-i", "plain.wav", "-c:a", "flac", "in.oga")
    assert run("inpaint", "in.oga", "-o", "out.oga", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    before, after = decoded("in.oga"), decoded("out.oga")
    known = np.r_[0 : round(0.995 * RATE), round(1.025 * RATE) : len(before)]
    np.testing.assert_array_equal(after[known], before[known])


@needs_ffmpeg
@pytest.mark.parametrize(("muxer", "codec"), [("mpegts", "mp2"), ("eac3", "eac3"), ("dts", "dca"), ("ogg", "flac")])
def test_a_file_is_given_to_ffmpeg_by_its_content(here, muxer, codec):
    ffmpeg("-i", "plain.wav", "-c:a", codec, "-strict", "-2", "-ar", "48000", "-f", muxer, "in.unheard")
    assert run("inpaint", "in.unheard", "-o", "out.wav", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert filled("out.wav")


@needs_ffmpeg
@pytest.mark.parametrize("name", ["in.dts", "in.unheard", "in.mp3"])
def test_a_format_that_ffmpeg_does_not_write_back_is_refused_with_one_that_it_does(here, capsys, name):
    codec, muxer = ("aac", "ipod") if name == "in.mp3" else ("dca", "dts")
    ffmpeg("-i", "plain.wav", "-c:a", codec, "-strict", "-2", "-ar", "48000", "-f", muxer, name)
    assert run("inpaint", name, "-o", name.replace("in.", "out."), "--gaps", "0.995-1.025") == 2
    said = capsys.readouterr().err.splitlines()
    assert "ffmpeg does not write" in said[-1]
    assert "name an output ending in .wav or .m4a with -o" in said[-1]


@needs_ffmpeg
def test_a_folder_with_a_format_that_ffmpeg_does_not_write_gets_it_as_wav(here):
    (here / "in").mkdir()
    ffmpeg("-i", "plain.wav", "-c:a", "dca", "-strict", "-2", "-ar", "48000", "in/a.dts")
    assert run("inpaint", "in", "-o", "out", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert filled("out/a.wav")
