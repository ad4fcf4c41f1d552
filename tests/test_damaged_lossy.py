"""Of Ogg, Opus and MP3 files that are damaged inside, or break off, what is left comes back at its time."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, correlate, lfilter
from test_cli import run

from audio_inpaint.files.recording import BLOCK, Reader

RATE, SECONDS = 48000, 20
FORMATS = {".ogg": "VORBIS", ".opus": "OPUS", ".mp3": "MPEG_LAYER_III"}


def whole(suffix):
    """Write noise that codecs keep, and return it and the bytes of the file."""
    noise = np.random.default_rng(0).standard_normal(SECONDS * RATE)
    audio = 0.5 * lfilter(*butter(4, 5000, fs=RATE), noise)
    name = f"whole{suffix}"
    with soundfile.SoundFile(name, "w", RATE, 1, FORMATS[suffix], format="MP3" if suffix == ".mp3" else "OGG") as file:
        file.write(audio)
    return audio, Path(name).read_bytes()


def places(heard, audio):
    """By how many samples each second of a recording is too late; None where nothing like it is there."""
    found = []
    for start in range(0, SECONDS * RATE, RATE):
        first, piece = max(0, start - RATE), audio[start : start + 8000]
        near = heard[first : start + RATE + 8000]
        if len(near) < 8000:
            found.append(None)
            continue
        alike = correlate(near, piece, "valid", "fft")
        best = int(alike.argmax())
        found.append(best + first - start if alike[best] > 0.5 * piece @ piece else None)
    return found


def changed(content, kind, random):
    """Damage a file at 40 %: other bytes there, one other byte, or bytes taken out."""
    place = round(0.4 * len(content))
    new, size = {
        "overwritten": (random.integers(0, 256, 3000, dtype=np.uint8).tobytes(), 3000),
        "one byte": (bytes([content[place] ^ 255]), 1),
        "taken out": (b"", len(content) // 10),
    }[kind]
    return content[:place] + new + content[place + size :]


@pytest.mark.parametrize("kind", ["overwritten", "one byte", "taken out"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_sound_after_damage_keeps_its_time_and_the_damage_is_named(tmp_path, monkeypatch, capsys, suffix, kind):
    monkeypatch.chdir(tmp_path)
    audio, content = whole(suffix)
    Path(f"in{suffix}").write_bytes(changed(content, kind, np.random.default_rng(1)))
    assert run("inpaint", f"in{suffix}", "-o", "out.wav", "--gaps", "1-1.01", "--method", "silence") == 0
    said = capsys.readouterr().out
    heard = soundfile.read("out.wav")[0]
    assert len(heard) == SECONDS * RATE
    late = places(heard, audio)
    assert set(late) <= {0, None}
    missing = {"overwritten": 2, "one byte": 2, "taken out": 5}[kind]
    assert late.count(None) <= missing
    assert "cut short" not in said
    if (suffix, kind) == (".mp3", "one byte"):  # nothing in such a file says that
        return
    (at, lost) = re.search(
        rf"in{suffix} is damaged at (\S+) s: (\d+) ms could not be decoded and are sil", said
    ).groups()
    silent = np.flatnonzero(np.lib.stride_tricks.sliding_window_view(heard == 0, 1000).all(1))
    assert float(at) == pytest.approx(silent[0] / RATE, abs=0.06)
    assert float(at) + float(lost) / 1000 == pytest.approx((silent[-1] + 1000) / RATE, abs=0.06)
    assert 6.9 < float(at) < 8.2


@pytest.mark.parametrize("suffix", FORMATS)
def test_damage_is_found_and_filled(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.chdir(tmp_path)
    _, content = whole(suffix)
    Path(f"in{suffix}").write_bytes(changed(content, "overwritten", np.random.default_rng(1)))
    assert run("detect", f"in{suffix}") == 0
    told = capsys.readouterr()
    assert f"in{suffix}: 1 gap\n" in told.out
    assert f"in{suffix} is damaged at" in told.err


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_breaks_off_is_repaired_up_to_there(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.chdir(tmp_path)
    audio, content = whole(suffix)
    Path(f"in{suffix}").write_bytes(content[: round(0.6 * len(content))])
    assert run("inpaint", f"in{suffix}", "-o", f"out{suffix}", "--gaps", "1-1.01", "--method", "silence") == 0
    said = capsys.readouterr().out
    assert f"in{suffix} is cut short: " in said
    assert "is damaged" not in said
    heard = soundfile.read(f"out{suffix}")[0]
    assert 10.5 < len(heard) / RATE < 12.5
    assert set(places(heard, audio)[:10]) == {0}


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_damaged_keeps_its_tags_and_a_whole_file_is_called_whole(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.chdir(tmp_path)
    audio, _ = whole(suffix)
    with soundfile.SoundFile(
        f"whole{suffix}", "w", RATE, 1, FORMATS[suffix], None, "MP3" if suffix == ".mp3" else "OGG"
    ) as file:
        file.title = "Air"
        file.write(audio)
    content = Path(f"whole{suffix}").read_bytes()
    Path(f"in{suffix}").write_bytes(changed(content, "overwritten", np.random.default_rng(1)))
    for name in ("whole", "in"):
        output = f"{name}_out{suffix}"
        assert run("inpaint", f"{name}{suffix}", "-o", output, "--gaps", "1-1.01", "--method", "silence") == 0
        said = capsys.readouterr().out
        assert ("is damaged" in said) == (name == "in")
        assert "cut short" not in said
        with soundfile.SoundFile(output) as file:
            assert file.title == "Air"


def test_streams_one_after_the_other_are_read_to_the_end(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    audio, content = whole(".ogg")
    Path("in.ogg").write_bytes(content + whole(".ogg")[1])
    assert run("inpaint", "in.ogg", "-o", "out.wav", "--gaps", "1-1.01", "--method", "silence") == 0
    assert "is damaged" not in capsys.readouterr().out
    heard = soundfile.read("out.wav")[0]
    assert len(heard) == 2 * SECONDS * RATE
    assert set(places(heard[SECONDS * RATE :], audio)) == {0}


@pytest.mark.parametrize("rate", ["variable", "constant"])
def test_an_mp3_that_does_not_say_its_length_is_read_to_its_end(tmp_path, monkeypatch, capsys, rate):
    """Quiet frames of a variable rate are short: libsndfile guesses the length by the first ones."""
    monkeypatch.chdir(tmp_path)
    audio, _ = whole(".mp3")
    audio[RATE * SECONDS // 2 :] *= 0.001
    how = {"bitrate_mode": rate.upper(), "compression_level": 0.3}
    with soundfile.SoundFile("whole.mp3", "w", RATE, 1, FORMATS[".mp3"], None, "MP3", **how) as file:
        file.write(audio)
    content = Path("whole.mp3").read_bytes()
    table = max(content.find(b"Xing"), content.find(b"Info"))
    assert table > 0
    second = content.find(content[content.rfind(b"\xff", 0, table) :][:2], table)
    Path("in.mp3").write_bytes(content[second:])
    assert run("inpaint", "in.mp3", "-o", "out.wav", "--gaps", "1-1.01", "--method", "silence") == 0
    assert "is damaged" not in capsys.readouterr().out
    heard = soundfile.read("out.wav")[0]
    assert SECONDS * RATE <= len(heard) <= SECONDS * RATE + 4 * 1152
    assert abs(heard[-RATE:]).max() > 0


def test_a_low_rate_is_decoded_as_in_one_piece(tmp_path, monkeypatch):
    """Frames of few bytes lean on many before them, which a decoder that is moved between two blocks lacks."""
    monkeypatch.chdir(tmp_path)
    audio, _ = whole(".mp3")
    how = {"bitrate_mode": "CONSTANT", "compression_level": 0.95}
    with soundfile.SoundFile("low.mp3", "w", 22050, 1, FORMATS[".mp3"], None, "MP3", **how) as file:
        file.write(audio)
    with Reader("low.mp3") as reader:
        heard = reader.read(0, reader.length)[0].numpy()
    assert len(heard) > 2 * BLOCK
    np.testing.assert_allclose(heard, soundfile.read("low.mp3")[0], atol=1e-5)
