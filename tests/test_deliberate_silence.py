"""Silence that is meant is left alone and said; faults in the same recording are found."""

import numpy as np
import pytest
import soundfile
from four_sounds import RATE, SECONDS, SOUNDS, sound

from audio_inpaint.cli import main
from audio_inpaint.detection import detect, examine, search
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap


def gated(rng):
    """Speech through a hard gate: zeros wherever the smoothed level is low."""
    signal = sound("voice", int(rng.integers(100)))
    envelope = np.abs(np.sin(2 * np.pi * 1.7 * np.arange(len(signal)) / RATE + 0.3)) ** 2 + 0.002
    return np.where(envelope > 0.05, signal * envelope, 0)


def drum_machine(rng):
    """Strokes that are cut off before the next one, with nothing between."""
    signal, step = np.zeros(SECONDS * RATE), RATE // 4
    for start in range(0, len(signal), step):
        time = np.arange(round(rng.uniform(0.1, 0.2) * RATE)) / RATE
        stroke = np.exp(-12 * time) * (
            np.sin(2 * np.pi * rng.choice([60, 180]) * time) + 0.3 * rng.standard_normal(len(time))
        )
        signal[start : start + len(stroke)] = 0.5 * stroke
    return signal


def findings(folder, audio):
    path = folder / "silent.wav"
    soundfile.write(path, np.clip(audio, -1, 1), RATE, subtype="PCM_16")
    with Reader(path) as reader:
        return examine(reader, search())


def zeroed(audio, starts, seconds):
    """Return a copy with runs of zeros, and these."""
    gaps = [Gap(start, start + round(seconds * RATE)) for start in starts]
    audio = audio.copy()
    for gap in gaps:
        audio[gap.start : gap.stop] = 0
    return audio, gaps


def beats(every):
    return (np.arange(0.21, SECONDS - every, every) * RATE).round().astype(int).tolist()


@pytest.mark.parametrize("make", [gated, drum_machine])
def test_silence_between_gated_or_stopped_sounds_is_meant(tmp_path, make):
    for seed in range(3):
        assert findings(tmp_path, make(np.random.default_rng(seed))).damage == []


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("pauses", [3, 5])
def test_a_few_pauses_of_a_gate_in_a_short_clip_are_meant(tmp_path, name, pauses):
    time = np.arange(6 * RATE) / RATE
    envelope = np.sin(np.pi * (pauses / 6 * time + 0.4)) ** 2
    closed = envelope < 0.02
    found = findings(tmp_path, np.where(closed, 0, sound(name, 3)[: len(time)] * envelope))
    assert found.damage == []


def strokes(seed):
    """Six seconds of four strokes a second over a pad."""
    return 0.3 * sound("pad", seed)[: 6 * RATE] + drum_machine(np.random.default_rng(seed))[: 6 * RATE]


@pytest.mark.parametrize("seed", range(4))
def test_a_few_stops_until_a_stroke_are_meant(tmp_path, seed):
    rng = np.random.default_rng(seed)
    audio, onsets = strokes(seed), np.array([5, 10, 17]) * RATE // 4
    for onset in onsets:
        audio[onset - round(rng.uniform(0.1, 0.2) * RATE) : onset] = 0
    found = findings(tmp_path, audio)
    assert found.damage == []
    assert len(found.deliberate) >= 2  # one may have looked like a fade


def test_a_hole_that_ends_with_a_stroke_is_less_surely_damage_than_one_within(tmp_path):
    for seed in range(4):
        confidences = []
        for stop in (10 * RATE // 4, 10 * RATE // 4 + 2500):
            audio, _ = zeroed(strokes(seed), [stop - RATE // 5], 0.2)
            [one] = findings(tmp_path, audio).damage
            confidences.append(one.confidence)
        assert confidences[0] < 0.85 < 0.9 < confidences[1]


@pytest.mark.parametrize("name", SOUNDS)
def test_a_few_faults_in_a_short_clip_are_damage(tmp_path, name, damaged):
    for seed in range(6):
        audio, faults = damaged(sound(name, seed)[None, : 6 * RATE], "zeros", seed, RATE, count=3)
        found = findings(tmp_path, audio[0])
        assert len(found.damage) >= len(faults) - (name == "voice")  # the pulses of a voice hide an edge
        assert found.deliberate == []


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize(("every", "seconds"), [(0.5, 0.125), (0.125, 0.0625), (1.0, 0.06), (60 / 128, 0.03)])
def test_cuts_that_keep_time_are_meant(tmp_path, name, every, seconds):
    audio, gaps = zeroed(sound(name, 7), beats(every), seconds)
    found = findings(tmp_path, audio)
    assert found.damage == []
    assert len(found.deliberate) >= 0.9 * len(gaps)


def test_cuts_on_some_beats_are_meant_and_a_fault_among_them_is_found(tmp_path):
    starts = [start for start in beats(0.25) if np.random.default_rng(start).random() < 0.6]
    fault = Gap(starts[4] + 3333, starts[4] + 4000)
    audio, gaps = zeroed(sound("plucks", 7), starts, 0.06)
    audio[fault.start : fault.stop] = 0
    found = findings(tmp_path, audio)
    assert [one.gap for one in found.damage] == [fault]
    assert len(found.deliberate) >= 0.9 * len(gaps)


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("seconds", [0.01, 0.02, 0.06])
def test_packets_of_one_length_that_are_lost_at_random_are_damage(tmp_path, name, seconds):
    packets = np.flatnonzero(np.random.default_rng(1).random(int(SECONDS / seconds)) < 0.08)[1:]
    alone = packets[np.diff(packets, prepend=-9) > 1]
    alone = alone[np.diff(alone, append=alone[-1] + 9) > 1]
    audio, gaps = zeroed(sound(name, 7), (alone * round(seconds * RATE)).tolist(), seconds)
    found = findings(tmp_path, audio)
    assert found.deliberate == []
    assert len(found.damage) >= 0.85 * len(gaps)


def test_the_same_number_of_cuts_at_random_places_is_damage(tmp_path, damaged):
    audio, faults = damaged(sound("voice", 4)[None], "zeros", 4, RATE, count=9)
    found = findings(tmp_path, audio[0])
    assert len(found.damage) >= len(faults) - 1
    assert found.deliberate == []


@pytest.mark.parametrize("name", SOUNDS)
def test_faults_in_loud_sound_are_found_in_a_recording_that_fades_to_digital_silence(tmp_path, name):
    audio = sound(name, 7)
    fade = 10 ** (-np.arange(len(audio)) / len(audio) * 110 / 20)
    audio, gaps = zeroed(np.concatenate([audio, audio * fade, np.zeros(RATE)]), [40_500, 101_500, 197_500], 0.05)
    assert [one.gap for one in findings(tmp_path, audio).damage] == gaps


@pytest.mark.parametrize("name", SOUNDS)
def test_faults_in_loud_sound_are_found_in_a_recording_with_gated_pauses(tmp_path, name):
    envelope = np.sin(2 * np.pi * 1.1 * np.arange(SECONDS * RATE) / RATE) ** 2
    audio = np.where(envelope > 0.01, sound(name, 7) * envelope, 0)
    starts = [start + int(envelope[start : start + RATE // 2].argmax()) for start in (2 * RATE, 3 * RATE, 5 * RATE)]
    audio, gaps = zeroed(audio, starts, 0.05)
    found = findings(tmp_path, audio)
    assert {one.gap for one in found.damage} <= set(gaps)
    assert len(found.damage) >= (2 if name == "voice" else 3)  # the pulses of a voice hide an edge
    assert len(found.deliberate) >= 10


def test_faults_in_music_are_found_though_a_drum_machine_began_the_piece(tmp_path):
    for seed in range(2):
        drums = drum_machine(np.random.default_rng(seed))
        starts = [len(drums) + place for place in (41_111, 102_345, 201_987)]
        audio, gaps = zeroed(np.concatenate([drums, sound("plucks", seed)]), starts, 0.04)
        assert [one.gap for one in findings(tmp_path, audio).damage] == gaps


def test_silence_that_looks_deliberate_is_listed_if_one_asks_for_it(tmp_path, capsys):
    audio, gaps = zeroed(sound("surf", 7), beats(0.5), 0.125)
    path = tmp_path / "cut.wav"
    soundfile.write(path, audio, RATE, subtype="PCM_16")
    assert main(["detect", str(path)]) == 0
    assert f"{len(gaps)} runs of zeros left alone" in capsys.readouterr().out
    assert main(["detect", str(path), "--deliberate", "-o", str(tmp_path / "cut.csv")]) == 0
    assert f"{len(gaps)} gaps" in capsys.readouterr().out
    assert [one.gap for one in detect(path, deliberate=True)] == gaps


def stereo(name, seed):
    """Return a sound in both channels, with a little of another in each, (channel, time)."""
    middle, left, right = (one / np.sqrt(np.mean(one**2)) for one in (sound(name, seed + n) for n in range(3)))
    return 0.1 * np.stack([middle + 0.4 * left, middle + 0.4 * right])


def closed_by_a_gate(audio, channels):
    """Return audio (channel, time) that dies away and stops five times, in some of its channels."""
    envelope = np.sin(np.pi * (5 / SECONDS * np.arange(SECONDS * RATE) / RATE + 0.4)) ** 2
    gated = audio.copy()
    gated[channels] = np.where(envelope < 0.02, 0, audio * envelope)[channels]
    return gated


@pytest.mark.parametrize("name", SOUNDS)
def test_zeros_in_one_channel_are_damage_wherever_the_sound_goes_on_in_the_other(tmp_path, name):
    rng = np.random.default_rng(1)
    audio, envelope = stereo(name, 5), np.ones(SECONDS * RATE)
    starts = [RATE // 2 + place * RATE + int(rng.integers(RATE // 3)) for place in range(6)]
    for start in starts:  # a rise from a quiet sound is what a stop ends with
        envelope[start - RATE // 50 : start + RATE // 50] = 0.15
    audio = audio * np.convolve(envelope, np.hanning(400) / np.hanning(400).sum(), "same")
    for place, start in enumerate(starts):
        audio[place % 2, start : start + RATE // 50] = 0
    found = findings(tmp_path, audio.T)
    assert found.deliberate == []
    assert len(found.damage) >= len(starts) - (name == "voice")  # the pulses of a voice hide an edge


@pytest.mark.parametrize("name", SOUNDS)
def test_a_gate_that_closes_both_channels_is_meant_and_so_is_that_of_one_of_two_voices(tmp_path, name):
    assert findings(tmp_path, closed_by_a_gate(stereo(name, 5), [0, 1]).T).damage == []
    voices = np.stack([0.3 * sound(name, 5) / np.abs(sound(name, 5)).max(), 0.3 * sound("surf", 9) / 20])
    assert findings(tmp_path, closed_by_a_gate(voices, [0]).T).damage == []
