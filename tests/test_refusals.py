"""What cannot be done is refused in the words of whoever asked, with what to do instead."""

import shutil

import numpy as np
import pytest
import soundfile
from test_cli import refused, run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 44100), 44100)
    return tmp_path


def inpaint(capsys, *options):
    return refused(capsys, "inpaint", "in.wav", "-o", "out.wav", *options)


@pytest.mark.parametrize("text", ["7", "x", "nan", "", "0.5,refine=false"])
def test_an_option_that_goes_on_to_the_method_is_refused_by_its_own_name(here, capsys, text):
    with pytest.raises(SystemExit, match="2"):
        run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "0.5-0.51", "--natural", text)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"--natural: '{text}' is no number from 0 to 1" in said
    assert "auto:" not in said


def test_an_option_of_one_method_is_refused_beside_another(here, capsys):
    gaps = "--gaps", "0.5-0.51", "--natural", "0.5"
    assert "--natural is for the method auto, and --method says janssen" in inpaint(
        capsys, *gaps, "--method", "janssen"
    )
    assert "--natural and --method both say" in inpaint(capsys, *gaps, "--method", "auto:natural=0.2")


@pytest.mark.parametrize("option", ["--min-confidence", "--min-ms", "--sensitivity"])
def test_options_of_the_search_are_refused_by_their_names(here, capsys, option):
    assert f"error: {option} is a number from 0 to " in inpaint(capsys, option, "-7")


@pytest.mark.parametrize(
    ("rate", "output", "words"),
    [
        (
            44100,
            "out.opus",
            "Opus cannot hold 44100 Hz, only 8000, 12000, 16000, 24000, 48000: resample the input to 48000",
        ),
        (11025, "out.opus", "resample the input to 12000 Hz first"),
        (96000, "out.opus", "resample the input to 48000 Hz first"),
        (96000, "out.mp3", "MP3 cannot hold 96000 Hz, only "),
        (96000, "out.mp3", "resample the input to 48000 Hz first"),
        (250_000, "out.ogg", "Ogg Vorbis cannot hold 250000 Hz, only "),
    ],
)
def test_a_rate_that_a_format_lacks_is_refused_with_those_that_it_has(here, capsys, rate, output, words):
    soundfile.write("rate.wav", np.zeros(rate), rate)
    said = refused(capsys, "inpaint", "rate.wav", "-o", output, "--gaps", "0.5-0.51", "--method", "silence")
    assert words in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Dear all,\nplease find the recording attached.\n", "is no audio, whatever its name says: it holds text"),
        ("Grüße aus Köln ".encode() * 60, "it holds text"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "it holds text"),
        (b"PK\x03\x04" + bytes(range(200)), "it holds a ZIP archive"),
        (bytes(2000), "it holds zeros"),
        (bytes(range(128, 256)) * 9, "is no audio, or damaged at its beginning"),
    ],
)
@pytest.mark.parametrize("name", ["text.wav", "text.flac", "text.mp3", "text.ogg"])
def test_junk_is_named_and_no_conversion_is_advised(here, capsys, name, content, words):
    (here / name).write_bytes(content)
    said = refused(capsys, "inpaint", name, "-o", "out.wav", "--gaps", "0.5-0.51")
    assert words in said
    assert "ffmpeg" not in said


@pytest.mark.parametrize(
    "given",
    [
        ["nowhere"],
        ["text.wav"],
        ["in.wav", "--scores", "none"],
        ["in.wav", "--quick"],
        ["--preset", "ce-table4", "--quick", "music=nowhere"],
    ],
)
def test_a_benchmark_that_fails_at_once_leaves_no_folder(here, capsys, given):
    (here / "text.wav").write_text("no audio")
    assert run("benchmark", *given, "-o", "runs/one") == 2
    assert "audio-inpaint: error: " in capsys.readouterr().err
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--scores", ["lsd"]), ("--gap-ms", ["20"]), ("--limit", ["3"]), ("--audio", []), ("--stereo", [])],
)
def test_what_a_preset_would_ignore_is_refused(here, capsys, option, value):
    said = refused(capsys, "benchmark", "--preset", "ce-table4", "music=.", option, *value, "-o", "out")
    assert f"the preset ce-table4 says itself what {option} would" in said


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
@pytest.mark.parametrize(
    ("rate", "suffix", "now"), [(96000, ".ac3", 48000), (44100, ".ac3", None), (44100, ".webm", 48000)]
)
def test_an_encoder_that_changes_the_rate_says_so(here, capsys, rate, suffix, now):
    soundfile.write("rate.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 2 * rate), rate)
    given = ["inpaint", "rate.wav", "-o", f"out{suffix}", "--gaps", "0.5-0.51", "--method", "silence"]
    assert run(*given) == 0
    said = capsys.readouterr().out
    assert (f"the sound is at {now} Hz now, since {suffix} files cannot hold {rate} Hz" in said) == (now is not None)
    assert ("Hz now" in said) == (now is not None)
