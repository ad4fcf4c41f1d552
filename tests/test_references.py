"""Gaps are filled from another recording of the same programme, from Python and the command line."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from programmes import RATE, drifted, equalised, later, programme, sound, warped
from scipy.signal import butter, lfilter

from audio_inpaint import InputError, repair, repair_file
from audio_inpaint.alignment.clock import Clock
from audio_inpaint.alignment.consensus import Line
from audio_inpaint.cli import main
from audio_inpaint.files.recording import read
from audio_inpaint.gaps import Gap
from audio_inpaint.references import Reference

STEREO = programme(12, 2)
AUDIO = STEREO[:1]
GAPS = [(3 * RATE, 3 * RATE + 1024), (8 * RATE, 8 * RATE + 1024)]
OTHER = equalised(later(drifted(AUDIO, 200), 2.3))


def damaged(gaps=GAPS, junk=0.0):
    audio = AUDIO.copy()
    for start, stop in gaps:
        audio[:, start:stop] = junk
    return audio


def snr(repaired, start, stop, audio=AUDIO):
    error = (repaired - audio)[:, start:stop]
    return 10 * np.log10(np.square(audio[:, start:stop]).sum() / np.square(error).sum())


@pytest.fixture(scope="module")
def with_reference():
    return repair(damaged(), GAPS, RATE, references=[OTHER])


@pytest.fixture(scope="module")
def alone():
    return repair(damaged(), GAPS, RATE)


@pytest.fixture(scope="module")
def last_alone():
    return repair(damaged(GAPS[1:]), GAPS[1:], RATE).audio


def test_what_was_lost_is_heard_in_the_reference(with_reference):
    assert all(snr(with_reference.audio, *gap) > 30 for gap in GAPS)


def test_known_samples_come_back_bit_for_bit(with_reference):
    known = np.ones(AUDIO.shape[-1], bool)
    for start, stop in GAPS:
        known[start:stop] = False
    assert with_reference.audio.shape == AUDIO.shape
    assert np.array_equal(with_reference.audio[:, known], AUDIO[:, known])


def test_lost_samples_change_no_bit(with_reference):
    again = repair(damaged(junk=np.nan), GAPS, RATE, references=[OTHER])
    assert np.array_equal(again.audio, with_reference.audio)


def test_how_a_reference_fits_and_what_it_gave_is_told(with_reference):
    assert with_reference.references[0].startswith("1: 2.300 s later, +200 ppm, coherence 0.99")
    assert [(one.gap.start, one.gap.stop, one.gap.channel) for one in with_reference.explanations] == [
        (start, stop, None) for start, stop in GAPS
    ]
    assert all("reference 1" in one.label for one in with_reference.explanations)


def test_a_gap_of_one_channel():
    audio = STEREO.copy()
    audio[0, 64000:66000] = 0
    repaired = repair(audio, [(64000, 66000, 0)], RATE, references=[-0.3 * STEREO.sum(0)]).audio
    assert np.array_equal(repaired[1], STEREO[1])
    assert snr(repaired, 64000, 66000, STEREO) > 30


def test_a_gap_of_both_channels():
    audio, (start, stop) = STEREO.copy(), GAPS[0]
    audio[:, start:stop] = 0
    repaired = repair(audio, GAPS[:1], RATE, references=[equalised(later(STEREO, 2.3))]).audio
    assert snr(repaired, start, stop, STEREO) > 30


def test_wow_of_a_tape():
    gaps = [(5 * RATE, 5 * RATE + 800)]
    repaired = repair(damaged(gaps), gaps, RATE, references=[warped(AUDIO, 3e-4, 0.7)]).audio
    assert snr(repaired, *gaps[0]) > 25


def test_wow_in_a_gap_longer_than_its_swing_is_evidence_where_the_clock_is_sure():
    """At both ends of the gap, 2.8 dB better there, and none in its middle, where nothing is worse for it."""
    gaps, size = [(5 * RATE, 6 * RATE)], RATE // 10
    tape = repair(damaged(gaps), gaps, RATE, references=[warped(AUDIO, 2e-3, 0.7)])
    alone = repair(damaged(gaps), gaps, RATE)
    for start in (5 * RATE, 6 * RATE - size):
        assert snr(tape.audio, start, start + size) > snr(alone.audio, start, start + size) + 2
    assert snr(tape.audio, *gaps[0]) > snr(alone.audio, *gaps[0])
    assert [one.label[:5] for one in tape.explanations] == ["check"]


def test_an_unrelated_recording_changes_nothing(alone):
    repaired = repair(damaged(), GAPS, RATE, references=[programme(15, 2, seed=7)])
    assert repaired.references == ["1: nothing in it is surely the same as in the recording, left out"]
    assert np.array_equal(repaired.audio, alone.audio)


def test_a_reference_that_is_lost_there_too_does_no_harm(alone):
    part = AUDIO[:, : 6 * RATE]
    repaired = repair(damaged(), GAPS, RATE, references=[part]).audio
    assert snr(repaired, *GAPS[0]) > 30
    assert np.array_equal(repaired[:, slice(*GAPS[1])], alone.audio[:, slice(*GAPS[1])])


def test_a_reference_that_is_silent_in_the_gap_is_no_evidence_of_silence(last_alone):
    silent = later(AUDIO, 1.0)
    start, stop = GAPS[1]
    silent[:, start + RATE : stop + RATE] = 0
    repaired = repair(damaged(GAPS[1:]), GAPS[1:], RATE, references=[silent])
    assert repaired.references[0].startswith("1: 1.000 s later, +0 ppm")
    assert np.array_equal(repaired.audio, last_alone)


@pytest.mark.parametrize("level", [1e-4, 1e-6])
def test_a_reference_that_lost_the_same_but_for_its_noise_is_no_evidence_of_silence(level, last_alone):
    """Two transfers of one damaged tape."""
    start, stop = GAPS[1]
    other = AUDIO.copy()
    other[:, start:stop] = level * np.random.default_rng(0).standard_normal(stop - start)
    repaired = repair(damaged(GAPS[1:]), GAPS[1:], RATE, references=[0.8 * other])
    assert not any("reference" in one.label for one in repaired.explanations)
    assert np.array_equal(repaired.audio, last_alone)


@pytest.mark.parametrize("size", [4799, 4800, 4864])
def test_a_gap_of_any_length_is_rehearsed_where_the_reference_is_known(size):
    """At 0.3 s the rehearsal lay at the very end of what is read of the reference."""
    gaps = [(6 * RATE, 6 * RATE + size)]
    noisy = AUDIO + 1e-4 * np.random.default_rng(1).standard_normal(AUDIO.shape)
    assert snr(repair(damaged(gaps), gaps, RATE, references=[noisy]).audio, *gaps[0]) > 30


@pytest.mark.parametrize("ours", [False, True])
def test_a_constant_in_either_of_the_two_is_nothing(ours):
    gaps = GAPS[:1]
    audio, other = (damaged(gaps) + 0.1, OTHER) if ours else (damaged(gaps), OTHER + 0.1)
    repaired = repair(audio, gaps, RATE, references=[other])
    assert repaired.references[0].startswith("1: 2.300 s later, +200 ppm, coherence 0.99")
    assert snr(repaired.audio - 0.1 * ours, *gaps[0]) > 30


def test_bass_that_the_other_transfer_lost_comes_back():
    """A high-pass at 40 Hz, as of a coupling capacitor, and music that is mostly bass."""
    time = np.arange(AUDIO.shape[-1]) / RATE
    tones = [2 * np.pi * (pitch * time + np.sin(2 * np.pi * pace * time)) for pitch, pace in ((41, 1.3), (67, 0.9))]
    bass = np.sin(tones[0]) + np.sin(tones[1])
    audio = AUDIO + 0.3 * bass
    other = lfilter(*butter(1, 40, "high", fs=RATE), audio)
    start, stop = GAPS[0]
    given = audio.copy()
    given[:, start:stop] = 0
    error = (repair(given, GAPS[:1], RATE, references=[other]).audio - audio)[:, start:stop]
    assert np.square(audio[:, start:stop]).sum() > 10**2.5 * np.square(error).sum()


@pytest.mark.parametrize("rate", [0, -16000])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(InputError, match="the sample rate is a whole number of Hz"):
        repair(damaged(), GAPS, RATE, references=[(OTHER, rate)])


def test_methods_that_listen_to_nothing_refuse_references():
    with pytest.raises(InputError, match="Janssen makes no use of references: take auto or recall"):
        repair(damaged(), GAPS, RATE, "janssen", references=[OTHER])


@pytest.mark.parametrize("given", ["other.wav", np.zeros((1, RATE))])
def test_a_reference_alone_is_put_in_a_list(given):
    with pytest.raises(InputError, match="put this one in a list"):
        repair(damaged(), GAPS, RATE, references=given)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("damaged.wav", damaged().T, RATE, "FLOAT")
    soundfile.write("other.mp3", np.clip(OTHER.T / np.abs(OTHER).max(), -1, 1), RATE)
    return tmp_path


SPEC = f"{GAPS[0][0]}:{GAPS[0][1]}"


def test_the_command(files, capsys):
    arguments = ["inpaint", "damaged.wav", "-o", "fixed.wav", "--gaps", SPEC, "--reference", "other.mp3"]
    assert main([*arguments, "--labels", "labels.txt", "--report"]) == 0
    shown = capsys.readouterr().out
    assert "other.mp3: 2." in shown
    assert "ppm, coherence 0.9" in shown
    repaired, _ = read("fixed.wav")
    assert snr(repaired.numpy(), *GAPS[0]) > 18
    assert "reference other.mp3" in (files / "labels.txt").read_text()
    assert "reference other.mp3" in (files / "fixed.html").read_text()


def test_a_file_from_python(files):
    done = repair_file("damaged.wav", "fixed.wav", GAPS[:1], references=["other.mp3"])
    assert done.references[0].startswith("other.mp3: 2.")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("missing.wav", "missing.wav cannot be read: No such file"),
        ("damaged.wav", "the reference damaged.wav is the recording itself"),
        ("fixed.wav", "the output fixed.wav is the reference itself"),
        (".", "is a folder: name an audio file"),
        ("text.txt", "text.txt is no audio, whatever its name says: it holds text"),
        ("short.wav", "the reference short.wav cannot be used: it is only 0.100 s long: 1 s are needed"),
    ],
)
def test_references_that_cannot_be_used(files, capsys, reference, message):
    (files / "text.txt").write_text("no sound")
    soundfile.write("short.wav", np.zeros(RATE // 10), RATE)
    if reference == "fixed.wav":
        soundfile.write("fixed.wav", np.zeros(RATE), RATE)
    arguments = ["inpaint", "damaged.wav", "-o", "fixed.wav", "--gaps", SPEC, "--reference", reference, "--overwrite"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    with pytest.raises(InputError):
        repair_file("damaged.wav", "fixed.wav", GAPS, references=[reference], overwrite=True)


def test_a_folder_with_one_reference(files, capsys):
    (files / "in").mkdir()
    for name in ("a.wav", "b.wav"):
        soundfile.write(files / "in" / name, damaged().T[: 6 * RATE], RATE, "FLOAT")
    assert main(["inpaint", "in", "-o", "out", "--gaps", SPEC, "--reference", "other.mp3"]) == 0
    assert capsys.readouterr().out.count("other.mp3: 2.") == 2


def test_a_reference_is_read_around_the_gaps_only():
    noise = np.random.default_rng(0).standard_normal((1, 40 * RATE))
    ours = sound(noise)
    gaps = [Gap(start * RATE, start * RATE + 160) for start in (2, 3, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)]
    copy = Reference("copy", ours, Clock(Line(0.0, 0.0), copy=True))
    audio, missing = copy.beside(ours, RATE, 40 * RATE, gaps)
    beside = 2 * 160 + round(0.7 * RATE)
    wanted = np.zeros(40 * RATE, bool)
    for gap in gaps:
        wanted[gap.start - beside : gap.stop + beside] = True
    assert np.array_equal(~missing[0].numpy(), wanted[RATE:])
    assert np.array_equal(audio.numpy(), np.where(wanted, noise, 0)[:, RATE:])


@pytest.mark.parametrize("option", ["--reference", "--also"])
def test_another_recording_that_is_missing_is_refused_before_anything_heavy_is_imported(files, option):
    command = ["inpaint", "damaged.wav", "-o", "fixed.wav", option, "other.mp3", option, "missing.wav"]
    code = f"import sys; from audio_inpaint.cli import main; print(main({command!r}), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]
    assert done.stderr.strip() == "audio-inpaint: error: missing.wav cannot be read: No such file or directory"
    with pytest.raises(InputError, match=r"missing\.wav cannot be read"):
        repair_file("damaged.wav", "fixed.wav", **{option[2:] + "s" * (option == "--reference"): ["missing.wav"]})
