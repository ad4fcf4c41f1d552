"""Whatever sampling rate a header claims, a file is repaired, or refused in one line that names it and the reason."""

import numpy as np
import pytest
import soundfile
from test_cli import refused, run

from audio_inpaint import InputError, detect, repair
from audio_inpaint.files.recording import FASTEST, SLOWEST, Reader


def recording(rate, length=1500, channels=1):
    noise = np.random.default_rng(rate).standard_normal((channels, length))
    return 0.3 * np.sin(0.4 * np.arange(length)) + 0.05 * noise


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("rate", [1, 2, 5, 10, 50, 100, 500, 1000, 4000, 384_000, 768_000])
@pytest.mark.parametrize("method", ["auto", "recall", "janssen", "burg", "transplant"])
def test_gaps_are_filled_at_any_rate(rate, method):
    audio = recording(rate, channels=2)
    gaps = [(0, 2), (600, 601), (900, 920), (1499, 1500)]
    done = repair(audio, gaps, rate, method)
    known = np.ones(1500, bool)
    for start, stop in gaps:
        known[start:stop] = False
    assert np.array_equal(done.audio[:, known], audio[:, known])
    assert np.isfinite(done.audio).all()
    assert np.abs(done.audio[:, 900:920]).max() < 4


@pytest.mark.parametrize("rate", [1, 2, 10, 50, 100, 500])
def test_files_of_a_low_rate_are_repaired_where_gaps_are_named_and_else_refused(here, capsys, rate):
    audio = recording(rate)[0]
    audio[700:720] = 0
    soundfile.write("in.wav", audio, rate, "FLOAT")
    given = ["in.wav", "-o", "out.wav", "--gaps", "700:720"]
    assert run("inpaint", *given, "--dry-run") == 0
    assert run("inpaint", *given, "--report") == 0
    before, after = (soundfile.read(name) for name in ("in.wav", "out.wav"))
    assert after[1] == rate
    assert np.array_equal(np.delete(before[0], range(700, 720)), np.delete(after[0], range(700, 720)))
    capsys.readouterr()
    for command in (["detect", "in.wav"], ["inpaint", "in.wav", "-o", "no.wav"]):
        assert f"from 1000 Hz on, and in.wav has {rate} Hz: name the gaps" in refused(capsys, *command)
    soundfile.write("other.wav", recording(1, 30_000)[0], 8000)
    soundfile.write("slow.wav", recording(1, 30_000)[0], rate)
    line = refused(capsys, "inpaint", *given, "--overwrite", "--reference", "other.wav")
    assert f"the recording has {rate} Hz: recordings are compared from 1000 Hz on" in line
    soundfile.write("in.wav", recording(8000, 30_000)[0], 8000)
    for option in ("--reference", "--also"):
        line = refused(capsys, "inpaint", *given, "--overwrite", option, "slow.wav")
        assert f"slow.wav has {rate} Hz: recordings are compared from 1000 Hz on" in line


@pytest.mark.parametrize("rate", [FASTEST + 1, 2**31 - 1])
def test_a_rate_that_no_converter_has_is_refused_at_once(here, capsys, rate):
    soundfile.write("in.wav", recording(8000)[0], rate)
    line = refused(capsys, "inpaint", "in.wav", "-o", "out.wav", "--gaps", "700:720")
    assert f"in.wav claims {rate} Hz, and up to 1000000 Hz can be read" in line
    with pytest.raises(InputError, match="header seems to be damaged"):
        Reader("in.wav")


@pytest.mark.parametrize("rate", [SLOWEST, 1500, 4000, 8000])
@pytest.mark.parametrize("length", [1, 2, 3, 10, 30, 300])
def test_what_is_too_short_to_have_damage_has_none(here, rate, length):
    soundfile.write("in.wav", recording(rate, length)[0], rate, "FLOAT")
    assert detect("in.wav", "zeros,held,nan,combs,repeats,dropouts,clicks,bursts") == []
