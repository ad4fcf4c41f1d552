"""Files that libsndfile does not read go through ffmpeg, the sound of videos among them."""

import hashlib
import json
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate
from test_cli import run
from test_pipes import COMMAND, ENVIRONMENT

RATE, START, STOP = 44100, 44100, 44100 + 882
needs_ffmpeg = pytest.mark.skipif(not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs ffmpeg")


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def probed(path):
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", path]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def packets(path, kind):
    """The encoded packets of the streams of a kind."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", f"0:{kind}", "-c", "copy", "-f", "streamhash", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.mark.parametrize("there", [True, False])
def test_messages_list_what_ffmpeg_reads_where_it_is_installed(tmp_path, monkeypatch, capsys, there):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if there else None)
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", np.zeros(8000), 8000)
    (tmp_path / "empty").mkdir()
    for given in (["empty", "-o", "out"], ["in.wav", "-o", "out.xyz"]):
        assert run("inpaint", *given, "--gaps", "1:2") == 2
        said = capsys.readouterr().err
        assert ".wav, " in said
        assert (".m4a" in said) == (".mkv" in said) == there


def plain():
    time = np.arange(3 * RATE) / RATE
    audio = np.stack([0.3 * np.sin(2 * np.pi * f * time) for f in (440, 550)], 1)
    audio[START:STOP] = 0
    soundfile.write("plain.wav", audio, RATE, subtype="PCM_16")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a damaged recording of two channels, as WAV."""
    monkeypatch.chdir(tmp_path)
    plain()
    return tmp_path


def decoded(path):
    ffmpeg("-i", path, "-map", "0:a:0", "-c:a", "pcm_f32le", "decoded.wav")
    return soundfile.read("decoded.wav")[0]


def filled(path):
    """Whether the gap holds about as much sound as what is around it."""
    audio = decoded(path)
    level = np.sqrt(np.mean(audio[START:STOP] ** 2)) / np.sqrt(np.mean(audio[START - RATE // 2 : START - 2000] ** 2))
    return 0.5 < level < 1.5  # some codecs are late, and smear


@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "codec"), [(".m4a", "aac"), (".wma", "wmav2"), (".mka", "libopus"), (".mp2", "mp2"), (".ac3", "ac3")]
)
def test_a_lossy_file_is_repaired_with_its_tags_and_about_its_rate(here, capsys, suffix, codec):
    ffmpeg("-i", "plain.wav", "-c:a", codec, "-b:a", "160k", "-metadata", "title=Air", f"in{suffix}")
    assert run("inpaint", f"in{suffix}", "-o", f"out{suffix}", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert "the sound is encoded anew" in capsys.readouterr().out
    assert filled(f"out{suffix}")
    before, after = probed(f"in{suffix}"), probed(f"out{suffix}")
    assert after["streams"][0]["codec_name"] == before["streams"][0]["codec_name"]
    assert 0.7 < (here / f"out{suffix}").stat().st_size / (here / f"in{suffix}").stat().st_size < 1.4
    title = before["format"].get("tags", {}).get("title") or before["format"].get("tags", {}).get("TITLE")
    assert (after["format"].get("tags", {}).get("title") or after["format"].get("tags", {}).get("TITLE")) == title


@needs_ffmpeg
@pytest.mark.parametrize(("suffix", "codec"), [(".m4a", "alac"), (".wv", "wavpack"), (".tta", "tta")])
def test_a_lossless_file_keeps_its_known_samples(here, suffix, codec):
    ffmpeg("-i", "plain.wav", "-c:a", codec, "-sample_fmt", "s16p" if codec != "tta" else "s16", f"in{suffix}")
    assert run("inpaint", f"in{suffix}", "-o", f"out{suffix}", "--gaps", f"{START}:{STOP}", "--method", "janssen") == 0
    before, after = decoded(f"in{suffix}"), decoded(f"out{suffix}")
    same = (before == after).all(1)
    assert same[:START].all()
    assert same[STOP:].all()
    assert not same[START:STOP].all()


@needs_ffmpeg
def test_a_video_gets_its_sound_repaired_and_keeps_all_else(here):
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=duration=3:size=64x48:rate=10", "-i", "plain.wav", "-i", "plain.wav"),
        *("-map", "0:v", "-map", "1:a", "-map", "2:a", "-c:v", "mpeg4", "-c:a", "aac"),
        *("-metadata:s:a:0", "language=fra", "-metadata", "title=Film", "in.mp4"),
    )
    assert run("inpaint", "in.mp4", "-o", "out.mp4", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert filled("out.mp4")
    assert packets("out.mp4", "v") == packets("in.mp4", "v")
    assert packets("out.mp4", "a:1") == packets("in.mp4", "a:1")
    assert [one["codec_type"] for one in probed("out.mp4")["streams"]] == ["video", "audio", "audio"]
    assert probed("out.mp4")["streams"][1]["tags"]["language"] == "fra"
    assert probed("out.mp4")["format"]["tags"]["title"] == "Film"


@pytest.fixture
def film(here):
    """A video with sound from the beginning, MPEG-4 and AAC."""
    picture = ("-f", "lavfi", "-i", "testsrc=duration=3:size=64x48:rate=10")
    ffmpeg(*picture, "-i", "plain.wav", "-c:v", "mpeg4", "-c:a", "aac", "film.mp4")
    return here


@needs_ffmpeg
def test_a_video_is_kept_by_another_format_that_holds_it(film, capsys):
    assert run("inpaint", "film.mp4", "-o", "out.mkv", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert "not kept" not in capsys.readouterr().out
    assert [one["codec_type"] for one in probed("out.mkv")["streams"]] == ["video", "audio"]
    assert filled("out.mkv")


@needs_ffmpeg
@pytest.mark.parametrize("name", ["out.webm", "out.m4a"])
def test_a_video_without_room_in_another_format_is_named(film, capsys, name):
    assert run("inpaint", "film.mp4", "-o", name, "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert f"{name}: not kept: the video" in capsys.readouterr().out
    assert [one["codec_type"] for one in probed(name)["streams"]] == ["audio"]


@needs_ffmpeg
def test_a_video_from_a_pipe_is_kept(film):
    command = [*COMMAND, "-", "-o", "out.mp4", "--gaps", "0.995-1.025"]
    with open("film.mp4", "rb") as file:
        subprocess.run([*command, "--method", "janssen"], stdin=file, check=True, env=ENVIRONMENT)
    assert packets("out.mp4", "v") == packets("film.mp4", "v")
    assert filled("out.mp4")


def lag(later, earlier):
    """By how many samples one recording comes later than another."""
    return int(correlate(later[:, 0], earlier[:, 0], "full", "fft").argmax()) - len(earlier) + 1


def placed(path):
    """The sound as a player has it, from the beginning of the film on."""
    ffmpeg("-i", path, "-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-c:a", "pcm_f32le", "placed.wav")
    return soundfile.read("placed.wav", always_2d=True)[0]


@pytest.fixture
def noises(here):
    """Noise with a gap, of two channels and of six, and a film without sound."""
    noise = np.random.default_rng(3).normal(0, 0.1, 3 * RATE)
    noise[START:STOP] = 0
    for name, channels in (("two.wav", 2), ("six.wav", 6)):
        soundfile.write(name, np.repeat(noise[:, None], channels, 1), RATE, subtype="FLOAT")
    ffmpeg("-f", "lavfi", "-i", "testsrc=duration=3:size=64x48:rate=10", "-c:v", "mpeg4", "mute.mp4")
    return here


def film_of(sound, codec, name, start=0.0):
    """Put a sound beside the film that has none."""
    delayed = ("-itsoffset", start, "-i", sound)
    ffmpeg("-i", "mute.mp4", *delayed, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", codec, name)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "codec", "output"),
    [("in.mp4", "aac", "out.mp4"), ("in.mkv", "libopus", "out.mkv"), ("in.mov", "pcm_s16le", "out.mkv")],
)
def test_sound_that_begins_after_the_picture_stays_where_it_was(noises, name, codec, output):
    film_of("two.wav", codec, name, 0.476)
    assert run("inpaint", name, "-o", output, "--gaps", "1-1.02", "--method", "burg") == 0
    assert abs(lag(placed(output), placed(name))) < 0.003 * RATE  # containers round times to 1 ms
    assert [one["codec_type"] for one in probed(output)["streams"]] == ["video", "audio"]


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [
        ("in.avi", "libmp3lame", "two.wav"),
        ("in.wma", "wmav2", "two.wav"),
        ("in.mp2", "mp2", "two.wav"),
        ("in.ac3", "ac3", "two.wav"),
        ("in.mkv", "ac3", "six.wav"),
    ],
)
def test_what_codecs_delay_is_made_up_for(noises, name, codec, sound):
    if name in ("in.avi", "in.mkv"):
        film_of(sound, codec, name)
    else:
        ffmpeg("-i", sound, "-c:a", codec, name)
    output = name.replace("in", "out")
    assert run("inpaint", name, "-o", output, "--gaps", "1-1.02", "--method", "burg") == 0
    before, after = (decoded(path) for path in (name, output))
    assert lag(after, before) == 0


@needs_ffmpeg
def test_what_codecs_swallow_of_the_beginning_is_said(noises, capsys):
    assert run("inpaint", "two.wav", "-o", "out.mp2", "--gaps", "1-1.02", "--method", "burg") == 0
    assert "out.mp2: the first 10.9 ms of the sound are lost in mp2" in capsys.readouterr().out
    assert lag(decoded("out.mp2"), soundfile.read("two.wav")[0]) == 0


@needs_ffmpeg
def test_such_files_are_found_in_folders_and_go_to_other_formats(here):
    (here / "in").mkdir()
    ffmpeg("-i", "plain.wav", "-c:a", "aac", "in/a.m4a")
    assert run("inpaint", "in", "-o", "out", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert [path.name for path in (here / "out").iterdir()] == ["a.m4a"]
    assert run("inpaint", "in/a.m4a", "-o", "a.wav", "--gaps", "0.995-1.025", "--method", "janssen") == 0
    assert soundfile.info("a.wav").subtype == "FLOAT"
    assert run("inpaint", "plain.wav", "-o", "b.m4a", "--gaps", f"{START}:{STOP}", "--method", "janssen") == 0
    assert filled("b.m4a")
    assert run("detect", "in/a.m4a") == 0


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("silent.mp4", None, "has no sound: name a file with an audio stream"),
        ("junk.m4a", b"junk" * 100, "cannot be read, by ffmpeg either"),
        ("empty.m4a", b"", "is empty (0 bytes)"),
        ("-i.m4a", b"junk", "cannot be read, by ffmpeg either"),
    ],
)
def test_what_ffmpeg_cannot_read_is_said_in_one_line(here, capsys, name, content, words):
    if content is None:
        ffmpeg("-f", "lavfi", "-i", "testsrc=duration=1:size=64x48:rate=5", "-c:v", "mpeg4", name)
    else:
        (here / name).write_bytes(content)
    assert run("inpaint", f"./{name}", "-o", "out.wav", "--gaps", "0.1-0.2") == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_without_ffmpeg_it_is_named(here, monkeypatch, capsys):
    monkeypatch.setattr("audio_inpaint.files.media.shutil.which", lambda name: None)
    (here / "in.m4a").write_bytes(b"whatever")
    before = hashlib.sha256((here / "in.m4a").read_bytes()).digest()
    assert run("inpaint", "in.m4a", "-o", "out.wav", "--gaps", "0.1-0.2") == 2
    assert "in.m4a is read by ffmpeg, which is not installed: install it, or convert" in capsys.readouterr().err
    assert run("inpaint", "plain.wav", "-o", "out.m4a", "--gaps", "0.1-0.2") == 2
    assert ".m4a files are written by ffmpeg, which is not installed: name a .wav output" in capsys.readouterr().err
    assert hashlib.sha256((here / "in.m4a").read_bytes()).digest() == before


CUT = {".mka": ("libvorbis",), ".mkv": ("libopus",), ".m4a": ("aac", "-movflags", "+faststart"), ".wv": ("wavpack",)}


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".ogg", ".opus", *CUT])
@pytest.mark.parametrize("share", [0.6, 1])
def test_a_file_that_breaks_off_says_so_and_a_whole_one_does_not(here, capsys, suffix, share):
    noise = 0.1 * np.random.default_rng(0).standard_normal((20 * 48000, 2))
    noise[48000:48480] = 0
    soundfile.write("noise.wav", noise, 48000)
    codec = {".ogg": ("libvorbis",), ".opus": ("libopus",), **CUT}[suffix]
    ffmpeg("-i", "noise.wav", "-c:a", *codec, f"whole{suffix}")
    content = (here / f"whole{suffix}").read_bytes()
    (here / f"in{suffix}").write_bytes(content[: round(share * len(content))])
    assert run("inpaint", f"in{suffix}", "-o", f"out{suffix}", "--gaps", "1-1.01", "--method", "silence") == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "is cut short" in line]
    assert run("detect", f"in{suffix}") == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if "is cut short" in line]
    assert (len(said), len(warned)) == ((1, 1) if share < 1 else (0, 0))
    if share < 1:
        assert f"in{suffix} is cut short: its header promises 20.0" in said[0] or "end of its stream" in said[0]


@needs_ffmpeg
def test_what_ffmpeg_says_of_a_damaged_file_is_passed_on(here, capsys):
    ffmpeg("-i", "plain.wav", "-c:a", "aac", "-movflags", "+faststart", "in.m4a")
    content = bytearray((here / "in.m4a").read_bytes())
    middle = len(content) * 3 // 4
    content[middle : middle + 3000] = bytes(3000)
    (here / "in.m4a").write_bytes(content)
    assert run("inpaint", "in.m4a", "-o", "out.wav", "--gaps", "1-1.01", "--method", "silence") == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "decoder says" in line)
    assert "the decoder says of in.m4a: [aac]" in line


@needs_ffmpeg
@pytest.mark.parametrize("output", ["out.mkv", "out.mka"])
def test_a_video_whose_sound_becomes_longer_says_so(here, capsys, output):
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=3", "-i", "plain.wav", "-c:a", "flac", "in.mkv")
    assert run("inpaint", "in.mkv", "-o", output, "--gaps", "2.0+0.015", "--method", "silence") == 0
    said = "the sound alone is 15.0113 ms longer: after what was inserted it comes later than the video"
    assert (said in capsys.readouterr().out) == (output == "out.mkv")


@needs_ffmpeg
@pytest.mark.parametrize(("suffix", "codec"), [(".mkv", "flac"), (".mp4", "aac")])
def test_what_follows_damage_inside_keeps_its_place(here, capsys, suffix, codec):
    """The container states times: what cannot be decoded is silent, and nothing moves up."""
    audio = 0.1 * np.random.default_rng(3).standard_normal(5 * RATE)
    soundfile.write("noise.wav", audio, RATE)
    ffmpeg("-i", "noise.wav", "-c:a", codec, *(["-movflags", "+faststart"] if codec == "aac" else []), f"in{suffix}")
    content = bytearray((here / f"in{suffix}").read_bytes())
    for place in (0.45, 0.5, 0.55):
        middle = round(place * len(content))
        content[middle : middle + 60] = bytes(range(60))
    (here / f"in{suffix}").write_bytes(content)
    assert run("inpaint", f"in{suffix}", "-o", "out.wav", "--gaps", "0.5-0.51", "--method", "silence") == 0
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "could not be decoded and are silent" in line]
    assert "all else is in its place" in said
    heard, late = soundfile.read("out.wav")[0], 4 * RATE
    near = correlate(heard[late - 2000 : late + 6000], audio[late : late + 4000], "valid")
    assert abs(int(near.argmax()) - 2000) <= 50  # Matroska states milliseconds
