import inspect
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_inpaint.detection import Detection, detect, search
from audio_inpaint.detection.dips import dips
from audio_inpaint.detection.found import join_channels
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.random_gaps import random_gaps

CLIPS = Path(__file__).parents[2] / "shared" / "audio" / "dpai_examples"


def music(seconds, sample_rate=44100, seed=0):
    """Notes of decaying harmonics, a bass and some noise, peak 0.7."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    signal = 0.3 * np.sin(2 * np.pi * 55 * time) + 0.01 * rng.standard_normal(len(time))
    for onset in np.arange(0, seconds, 0.2):
        note = slice(round(onset * sample_rate), round((onset + 1.5) * sample_rate))
        since = time[note] - onset
        pitch = 110 * 2 ** (rng.integers(0, 36) / 12)
        envelope = np.clip(since / 0.005, 0, 1) * np.exp(-5 * since)
        for harmonic in range(1, 8):
            signal[note] += envelope * np.sin(2 * np.pi * pitch * harmonic * since + rng.uniform(0, 6)) / harmonic
    return 0.7 * signal / np.abs(signal).max()


def found(tmp_path, signal, sample_rate=44100, suffix="wav", subtype="PCM_16", **options):
    path = tmp_path / f"damaged.{suffix}"
    soundfile.write(path, signal, sample_rate, subtype=subtype)
    return detect(path, **options)


def zeroed(signal, start, stop):
    signal[start:stop] = 0


def held(signal, start, stop):
    signal[start:stop] = signal[start - 1]


def stuck_elsewhere(signal, start, stop):
    signal[start:stop] = 0.123


def nearly_silent(signal, start, stop):
    signal[start:stop] = 5e-5 * np.random.default_rng(0).standard_normal(stop - start)


def offset_and_clicks(signal, start, stop):
    signal[start:stop] = 0.01 + 3e-5 * np.random.default_rng(0).standard_normal(stop - start)
    signal[start : start + 3] = [0.9, -0.95, 0.8]
    signal[stop - 2 : stop] = [-0.9, 0.9]


@pytest.mark.parametrize("milliseconds", [20, 50, 80])
@pytest.mark.parametrize(
    ("damage", "kind", "off"),
    [
        (zeroed, "zeros", 1),
        (held, "held", 1),
        (stuck_elsewhere, "held", 1),
        (nearly_silent, "dropouts", 8),
        (offset_and_clicks, "dropouts", 2),
    ],
)
def test_a_gap_is_found_with_its_kind_and_edges(tmp_path, milliseconds, damage, kind, off):
    for seed in range(4):
        signal = music(3, seed=seed)
        start, stop = 50_000 + 1111 * seed, 50_000 + 1111 * seed + 441 * milliseconds // 10
        damage(signal, start, stop)
        [detection] = found(tmp_path, signal)
        assert detection.kind == kind
        assert abs(detection.gap.start - start) <= off
        assert abs(detection.gap.stop - stop) <= off
        assert detection.gap.channel is None
        assert 0.7 < detection.confidence <= 1


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 96000])
def test_twenty_random_gaps_are_found_and_nothing_else(tmp_path, sample_rate):
    signal = music(12, sample_rate, seed=sample_rate)
    gaps = random_gaps(len(signal), sample_rate, 1200, 7)
    assert len(gaps) == 20
    signal[gap_mask(gaps, len(signal))[0].numpy()] = 0
    detections = found(tmp_path, signal, sample_rate)
    assert len(detections) == len(gaps)
    for detection, gap in zip(detections, gaps, strict=True):
        assert abs(detection.gap.start - gap.start) <= 1
        assert abs(detection.gap.stop - gap.stop) <= 1


@pytest.mark.parametrize("seed", range(6))
def test_undamaged_music_has_no_gaps(tmp_path, seed):
    assert found(tmp_path, music(4, seed=seed)) == []


def test_a_single_damaged_channel_is_named(tmp_path):
    signal = np.stack([music(3, seed=1), music(3, seed=2)], axis=1)
    signal[60_000:62_000, 1] = 0
    [detection] = found(tmp_path, signal)
    assert detection.gap == Gap(60_000, 62_000, 1)


def test_a_gap_in_all_channels_is_one_detection(tmp_path):
    signal = np.stack([music(3, seed=1), music(3, seed=2)], axis=1)
    signal[60_000:62_000] = 0
    signal[90_000:92_000, 0] = 0
    signal[100_000:102_000, 1] = 0
    gaps = [detection.gap for detection in found(tmp_path, signal)]
    assert gaps == [Gap(60_000, 62_000), Gap(90_000, 92_000, 0), Gap(100_000, 102_000, 1)]


def test_a_dip_in_both_channels_is_one_dropout_of_the_mean_odds():
    for other, least in ((0.9, 0.8), (0.5, 0.7), (0.05, 0.3)):
        heard = [(Gap(9000, 17_000, 0), 0.9), (Gap(9130, 16_950, 1), other)]
        [one] = join_channels([[Detection(gap, "dropouts", confidence)] for gap, confidence in heard], tolerance=44)
        assert one.gap == Gap(9000, 17_000)
        assert least < one.confidence < least + 0.15


def test_a_channel_that_is_always_silent_hides_nothing(tmp_path):
    signal = np.stack([music(3), np.zeros(3 * 44100)], axis=1)
    signal[60_000:62_000] = 0
    assert [detection.gap for detection in found(tmp_path, signal)] == [Gap(60_000, 62_000, 0)]


@pytest.mark.parametrize("pitch", [70, 80, 90])
def test_a_cut_after_a_quick_decay_is_told_by_its_step(tmp_path, pitch):
    time = np.arange(3 * 44100) / 44100
    signal = 0.3 * np.sin(2 * np.pi * pitch * time) + 1e-4 * np.random.default_rng(0).standard_normal(len(time))
    peak = 60_000 + int(signal[60_000:62_000].argmax())
    decay = np.exp(-np.arange(882) / 300)
    for last, gap in ((peak, Gap(peak + 1, peak + 2001)), (peak + 44100 // pitch // 4, None)):  # at a crossing, none
        damaged = signal.copy()
        damaged[last - 881 : last + 1] *= decay
        zeroed(damaged, last + 1, last + 2001)
        assert [one.gap for one in found(tmp_path, damaged, kinds="zeros")] == ([gap] if gap else [])


@pytest.mark.parametrize("fade", [0.005, 0.02, 0.2])
@pytest.mark.parametrize("pause", [0.02, 0.1, 0.6])
def test_a_pause_between_fades_is_music(tmp_path, fade, pause):
    signal, ramp = music(3), np.linspace(0, 1, round(fade * 44100))
    start, stop = 60_000, 60_000 + round(pause * 44100)
    signal[start - len(ramp) : start] *= ramp[::-1]
    signal[start:stop] = 0
    signal[stop : stop + len(ramp)] *= ramp
    assert found(tmp_path, signal) == []


def test_a_note_that_dies_away_before_a_sudden_one_is_music(tmp_path):
    signal = music(3)
    signal[40_000:60_000] *= np.exp(-np.arange(20_000) / 1500)
    signal[60_000:64_000] = 0
    assert found(tmp_path, signal) == []


def test_silence_at_the_ends_of_a_file_is_music(tmp_path):
    signal = music(3)
    signal[:20_000] = 0
    signal[100_000:110_000] *= np.linspace(1, 0, 10_000)
    signal[110_000:] = 0
    assert found(tmp_path, signal) == []
    assert found(tmp_path, np.zeros(44100)) == []


def test_a_gap_with_one_edge_in_the_file_is_less_certain(tmp_path):
    signal = music(3)
    signal[-2000:] = 0
    [detection] = found(tmp_path, signal)
    assert detection.gap == Gap(len(signal) - 2000, len(signal))
    assert 0.5 <= detection.confidence <= 0.6


@pytest.mark.parametrize("seconds", [0.25, 1.0])
def test_music_that_stops_hard_and_ends_is_music(tmp_path, seconds):
    signal = music(3)
    signal[-round(44100 * seconds) :] = 0
    assert found(tmp_path, signal) == []


def test_coarse_steps_and_flat_tops_are_music(tmp_path):
    time = np.arange(3 * 44100) / 44100
    rng = np.random.default_rng(0)
    assert found(tmp_path, 3.2 / 32768 * np.sin(2 * np.pi * 50 * time)) == []
    assert found(tmp_path, 0.02 * music(3), subtype="PCM_U8") == []
    assert found(tmp_path, 1.4 / 128 * rng.standard_normal(len(time)), subtype="PCM_U8") == []
    assert found(tmp_path, 0.5 * np.sign(np.sin(2 * np.pi * 60 * time + 0.1))) == []
    assert found(tmp_path, 0.5 * np.sign(np.sin(2 * np.pi * 440 * time + 0.1))) == []
    assert found(tmp_path, np.clip(5 * np.sin(2 * np.pi * 50 * time), -0.8, 0.8)) == []
    assert found(tmp_path, np.clip(6 * music(3), -1, 1)) == []
    assert found(tmp_path, np.repeat(music(3, 4410), 10)) == []


def test_an_8_bit_file_keeps_its_gaps(tmp_path):
    signal = music(3)
    signal[60_000:62_000] = 0
    [detection] = found(tmp_path, signal, subtype="PCM_U8")
    assert abs(detection.gap.start - 60_000) <= 8  # samples that rounding made zero
    assert abs(detection.gap.stop - 62_000) <= 8


@pytest.mark.parametrize(("suffix", "subtype"), [("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III")])
def test_gaps_that_a_lossy_coder_smeared_are_found(tmp_path, suffix, subtype):
    signal = music(6, seed=3)
    gaps = [Gap(30_000, 32_000), Gap(90_000, 93_500), Gap(150_000, 152_500), Gap(210_000, 213_000)]
    for gap in gaps:
        signal[gap.start : gap.stop] = 0
    detections = found(tmp_path, signal, suffix=suffix, subtype=subtype)
    assert len(detections) == len(gaps)
    for detection, gap in zip(detections, gaps, strict=True):
        assert abs(detection.gap.start - gap.start) < 441
        assert abs(detection.gap.stop - gap.stop) < 441


def test_fades_in_a_lossy_file_are_music(tmp_path):
    signal, ramp = music(3), np.linspace(0, 1, 1500)
    signal[60_000:61_500] *= ramp[::-1]
    signal[61_500:64_000] = 0
    signal[64_000:65_500] *= ramp
    assert found(tmp_path, signal, suffix="ogg", subtype="VORBIS") == []


def test_a_gap_is_the_same_wherever_the_blocks_end(tmp_path):
    signal = np.tile(music(6, 8000), 4)
    for start in range(79_000, 81_200, 200):  # blocks of 10 s
        damaged = signal.copy()
        damaged[start : start + 500] = 0
        damaged[start + 5000 : start + 5400] = 0.01
        kinds = [(d.gap.start - start, d.gap.stop - start, d.kind) for d in found(tmp_path, damaged, 8000)]
        assert kinds == [(0, 500, "zeros"), (5000, 5400, "held")]


def test_longer_stretches_are_pauses(tmp_path):
    signal = music(6)
    signal[60_000 : 60_000 + 44100] = 0
    assert [d.gap for d in found(tmp_path, signal)] == [Gap(60_000, 104_100)]
    assert found(tmp_path, signal, max_ms=900) == []


def test_the_threshold_only_selects(tmp_path):
    signal = music(3)
    signal[60_000:62_000] = 0
    signal[-2000:] = 0
    everything = found(tmp_path, signal, min_confidence=0.0)
    assert found(tmp_path, signal, min_confidence=0.7) == [d for d in everything if d.confidence >= 0.7]
    assert isinstance(everything[0], Detection)


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "long.wav"
    piece = music(10, 8000)
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(90):
            file.write(piece)
    tracemalloc.start()
    detect(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6  # 15 minutes are 29 MB


@pytest.mark.parametrize("content", [b"", b"no audio at all"])
def test_a_file_that_is_no_audio_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is no audio, whatever its name says|is empty") as caught:
        detect(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        detect(tmp_path / "missing.wav")


def test_a_very_short_file_has_no_gaps(tmp_path):
    for length in (1, 7, 100):
        assert found(tmp_path, music(1)[:length]) == []


@pytest.mark.skipif(not CLIPS.exists(), reason="the published clips are not in the repository")
def test_the_published_masked_clips(tmp_path):
    hits = lost = claimed = 0
    for folder in sorted(CLIPS.glob("example*")):
        masked, original = (soundfile.read(folder / name, always_2d=True)[0] for name in ("masked.wav", "original.wav"))
        length = min(len(masked), len(original))
        silent = (masked[:length] == 0).all(axis=1)
        truth = silent & (original[:length] != 0).any(axis=1)
        runs = gap_mask([gap for gap in mask_gaps(silent) if gap.stop - gap.start >= 32], length)[0].numpy()
        detected = gap_mask([d.gap for d in detect(folder / "masked.wav")], length)[0].numpy()
        hits, lost, claimed = hits + (detected & runs).sum(), lost + (truth & runs).sum(), claimed + detected.sum()
    assert hits / claimed > 0.99
    assert hits / lost > 0.96  # two of 68 gaps begin or end at an onset, like pauses


@pytest.mark.parametrize("rate", [1, 7, 100, 440, 1000, 2000, 4000])
def test_dips_of_any_sample_rate_are_looked_at_without_an_error(rate):
    audio = np.random.default_rng(0).standard_normal(6000).astype(np.float32)
    audio[3000:3100] *= 1e-3
    list(dips(audio, rate))


def test_detect_takes_what_a_search_takes_with_the_same_defaults():
    options, wanted = (dict(inspect.signature(function).parameters) for function in (detect, search))
    del options["source"]
    assert {name: one.default for name, one in options.items()} == {name: one.default for name, one in wanted.items()}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("largest", [32768.0, 1e20, 3e38])
def test_damage_is_found_in_a_recording_far_beyond_full_scale(tmp_path, largest):
    signal = music(4)
    gaps = [Gap(start, start + 2000) for start in (48_333, 95_001, 140_500)]
    for gap in gaps:
        signal[gap.start : gap.stop] = 0
    signal *= largest / np.abs(signal).max()
    every = "zeros,held,nan,combs,repeats,dropouts,clicks,bursts,jumps"
    detections = found(tmp_path, signal, kinds=every, subtype="FLOAT")
    assert [one.gap for one in detections if one.kind == "zeros"] == gaps


@pytest.mark.filterwarnings("error")
def test_a_sample_beyond_any_level_hides_nothing(tmp_path):
    signal = music(4)
    signal[60_000] = -1e30
    signal[88_200:90_200] = 0
    detections = found(tmp_path, signal, kinds="zeros,dropouts,clicks,bursts", subtype="FLOAT")
    assert [one.gap for one in detections if one.kind == "zeros"] == [Gap(88_200, 90_200)]
    assert any(one.gap.start <= 60_000 < one.gap.stop for one in detections if one.kind == "clicks")
