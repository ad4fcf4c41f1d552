"""The parts of PEAQ against figures of P. Kabal's MATLAB program and against closed forms."""

import numpy as np
import pytest
from peaq_pairs import noise, pair

from audio_inpaint.scores.peaq import bands, ear, patterns
from audio_inpaint.scores.peaq.model import listen
from audio_inpaint.scores.peaq.recording import convert, frames, scored_frames
from audio_inpaint.scores.peaq.variables import bandwidth


def band_33_of(name, frame):
    """Energy, unsmeared and smeared excitation, adapted pattern and modulation of both signals in one band."""
    samples = frames(32768 * np.stack(pair(name)), 0, frame + 1)
    heard = ear.EAR * ear.power_spectrum(samples)
    energy = ear.band_energy(heard)
    unsmeared, smeared = ear.excitation(energy)
    steps = (energy, unsmeared, smeared, patterns.adapt(smeared), patterns.modulation(unsmeared)[0])
    return [x[:, 0, frame, 33] for x in steps]


def test_a_tone_of_full_scale_is_played_at_92_decibels():
    tone = 32768 * np.sin(2 * np.pi * 1019.5 * np.arange(2048) / 48000)
    assert 10 * np.log10(ear.power_spectrum(tone).max()) == pytest.approx(92, abs=1e-3)
    assert ear.power_spectrum(tone).argmax() == 43


def test_the_ear_weighs_bins_as_the_reference():
    expected = [4.002613e-05, 3.550868e-02, 0.6466030, 3.619608, 0.5913541, 4.729553e-04]
    np.testing.assert_allclose(ear.EAR[[1, 4, 43, 141, 346, 768]], expected, rtol=1e-6)
    assert ear.EAR[0] == 0


def test_band_edges_follow_the_bark_scale_but_for_four_printed_entries():
    lowest = 7 * np.arcsinh(80 / 650)
    edges = np.append(650 * np.sinh((lowest + 0.25 * np.arange(109)) / 7), 18000)
    bark = np.append(lowest + 0.25 * np.arange(109), 7 * np.arcsinh(18000 / 650))
    centres = 650 * np.sinh((bark[:-1] + bark[1:]) / 2 / 7)
    for table, formula, printed in ((bands.LOWER, edges[:-1], {66}), (bands.UPPER, edges[1:], {28, 70})):
        assert set(np.flatnonzero(np.abs(table - formula) > 0.003)) == printed
    assert set(np.flatnonzero(np.abs(bands.CENTRE - centres) > 0.003)) == {100}


@pytest.mark.parametrize(
    ("band", "first", "last", "weights"),
    [
        (0, 3, 4, (0.086667, 0.913653)),
        (33, 47, 49, (0.324917, 0.659979)),
        (66, 164, 170, (0.070475, 0.970357)),
        (70, 190, 198, (0.510027, 0.621899)),
        (108, 742, 768, (0.722080, 0.500000)),
    ],
)
def test_bins_are_shared_among_bands_as_in_the_reference(band, first, last, weights):
    shares = bands.shares(2048, 48000)[:, band]
    assert np.array_equal(np.flatnonzero(shares), np.arange(first, last + 1))
    np.testing.assert_allclose(shares[[first, last]], weights, atol=1e-6)


def test_what_belongs_to_a_band_equals_the_reference():
    at = [0, 33, 66, 70, 108]
    expected = {
        "noise": [9.650394, 1.355674, 1.118859, 1.105220, 1.034239],
        "loudness": [289.309469, 2.139874, 1.324154, 1.284169, 1.087809],
        "smearing": [0.513301, 0.117155, 0.082743, 0.080930, 0.072378],
        "adaptation": [0.672638, 0.162009, 0.095181, 0.091636, 0.075035],
        "spread": [4.874008, 14.318520, 14.413124, 14.418109, 5.964338],
    }
    values = {
        "noise": bands.INTERNAL_NOISE,
        "loudness": bands.LOUDNESS_THRESHOLD,
        "smearing": bands.decay(0.030, ear.FRAME_RATE),
        "adaptation": bands.decay(0.050, ear.FRAME_RATE),
        "spread": ear.spread(np.ones(109)),
    }
    for name, value in values.items():
        np.testing.assert_allclose(value[at], expected[name], atol=1e-6, rtol=1e-6, err_msg=name)


def test_a_loud_band_spreads_upwards_as_in_the_reference():
    energy = np.ones(109)
    energy[33] = 1e6
    excited = ear.spread(energy) / ear.spread(np.ones(109))
    expected = [1.04903, 371.149, 6985.04, 31938.8, 16061.4, 4108.88, 296.591, 1.08109]
    np.testing.assert_allclose(excited[[20, 30, 32, 33, 34, 36, 40, 60]], expected, rtol=5e-6)


def test_spreading_equals_its_definition_band_by_band():
    energy = 10 ** np.random.default_rng(0).uniform(0, 9, 109)
    down = 10 ** (-2.7 / 4)
    expected = np.zeros(109)
    for source in range(109):
        up = 10 ** ((-2.4 - 23 / bands.CENTRE[source]) / 4) * energy[source] ** 0.05
        shape = np.array([down ** (source - i) if i <= source else up ** (i - source) for i in range(109)])
        expected += (energy[source] * shape / shape.sum()) ** 0.4
    np.testing.assert_allclose(ear.spread(energy), expected**2.5, rtol=1e-10)


def test_loudness_equals_the_reference():
    levels = np.stack([np.full(109, 1e6), np.full(109, 1e4)])
    np.testing.assert_allclose(patterns.loudness(levels), [69.830965, 21.152064], rtol=1e-7)


def test_patterns_of_one_band_equal_the_reference():
    expected = [
        (183342.475, 177735.495), (266583.932, 259018.008), (266583.932, 259018.008), (176985.101, 176237.807),
        (0.5088506, 0.5027141),
    ]  # fmt: skip
    np.testing.assert_allclose(band_33_of("dull noise", 40), expected, rtol=2e-7)
    expected = [
        (3194.60299, 3164.58569), (12472772.08, 12518240.76), (12472772.08, 12518240.76), (12437561.32, 12360104.14),
        (1.563411e-05, 7.189536e-04),
    ]  # fmt: skip
    np.testing.assert_allclose(band_33_of("tone", 40), expected, rtol=5e-7)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (0, (921, 891, 0.2468331, 2.693299, 0.2861462, 0.03064838, 31.95699, 0.06358515, 61.01831, 50.35914,
             1.767027e-05, 1, 486.9583)),
        (40, (921, 878, 0.2369945, 2.377094, 2.275765, 3.820432, 35.30082, 0.08054071, 61.69329, 50.83341,
              1.739375e-05, 1, 491.0525)),
    ],
)  # fmt: skip
def test_values_of_single_frames_equal_the_reference(frame, expected):
    values = listen(32768 * np.stack(pair("dull noise")), 41)
    np.testing.assert_allclose(np.concatenate([np.ravel(x[..., frame]) for x in values]), expected, rtol=5e-7)


@pytest.mark.parametrize(
    ("highest", "expected"),
    [((920, 700), (921, 701)), ((347, 347), (348, 348)), ((400, 401), (401, 1)), ((346, 300), (-1, -1))],
)
def test_bandwidth_is_read_above_the_floor_of_the_test_from_bin_347_on(highest, expected):
    power = np.ones((2, 1, 1, 1025))
    power[..., 0] = 4  # above the floor, for a test that has nothing up to the edge
    for signal, edge in enumerate(highest):
        power[signal, ..., edge] = (10, 10**0.5 + 1e-9)[signal]
    assert tuple(bandwidth(power).ravel()) == expected


def test_frames_are_the_same_in_blocks_of_any_length(monkeypatch):
    both = 32768 * np.stack(pair("tone"))
    whole = listen(both, 92)
    monkeypatch.setattr("audio_inpaint.scores.peaq.model._BLOCK", 5)
    for part, expected in zip(listen(both, 92), whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-9)


def test_silence_at_both_ends_is_left_out():
    assert scored_frames(32768 * pair("coarse steps")[0]) == (14, 75)


def test_scoring_starts_with_the_first_channel_that_does():
    audio = np.zeros((2, 96000))
    audio[0, 3000:], audio[1, 20000:] = 1000, 1000
    assert scored_frames(audio)[0] == 2  # the left channel's run of five starts at sample 2996
    audio[1, 4087:] = 1000  # a start within the same stretch of 2044 samples counts
    assert scored_frames(audio)[0] == 3
    audio[1] = np.where(np.arange(96000) >= 4093, 1000, 0)
    assert scored_frames(audio)[0] == 2


@pytest.mark.parametrize(("length", "count"), [(3, 1), (1000, 1), (2047, 1), (2048, 2), (96000, 93)])
def test_a_silent_original_is_scored_from_end_to_end(length, count):
    assert scored_frames(np.zeros((1, length))) == (0, count)


def test_frames_go_on_in_silence_after_the_end():
    audio = np.arange(5000.0)[None]
    cut = frames(audio, 3, 5)
    assert cut.shape == (1, 2, 2048)
    assert np.array_equal(cut[0, 0], np.pad(audio[0, 3072:], (0, 120)))
    assert np.array_equal(cut[0, 1], np.pad(audio[0, 4096:], (0, 1144)))


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 44100, 96000])
@pytest.mark.parametrize("part", [0.05, 0.2, 0.42, 0.495])
def test_the_resampler_keeps_images_100_decibels_down(sample_rate, part):
    """The highest tone lies where the resampler fades out, and above what is kept of 96 kHz."""
    frequency = round(part * sample_rate)
    dither = 1e-5 * np.resize(noise(1), 2 * sample_rate)  # the rounding to 16 bits makes no tones of its own
    tone = 0.9 * np.sin(2 * np.pi * frequency * np.arange(2 * sample_rate) / sample_rate)
    out = convert((tone + dither)[None], sample_rate)[0] / 32768
    assert len(out) == 96000
    window = np.blackman(48000)
    peaks = np.abs(np.fft.rfft(window * out[24000:72000])) / window.sum() * 2
    away = np.abs(np.arange(len(peaks)) - frequency) > 5
    assert peaks[away].max() < 1e-5
    if frequency < 0.45 * min(sample_rate, 48000):
        assert peaks[frequency] == pytest.approx(0.9, rel=0.01)


def test_the_resampler_keeps_channels_apart():
    audio = np.stack([noise(1), noise(2)])[:, :16000]
    assert np.array_equal(convert(audio, 16000), [convert(channel[None], 16000)[0] for channel in audio])
