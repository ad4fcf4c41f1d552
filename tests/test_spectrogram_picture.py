import librosa
import numpy as np
import pytest
import torch
from matplotlib.image import imread

from audio_inpaint.gaps import Gap
from audio_inpaint.report.colours import RANGE_DB, colour_table
from audio_inpaint.report.spectrogram_picture import figure, spectrogram_image

RATE = 16000


def melody(length):
    time = np.arange(length) / RATE
    tones = sum(np.sin(2 * np.pi * f * time) * np.exp(-3 * (time % 0.5)) for f in (220, 554.4, 1318.5))
    return 0.25 * tones + 0.01 * np.random.default_rng(0).standard_normal(length)


def test_spectrogram_is_librosas_in_decibels_of_full_scale():
    audio = melody(5000)
    expected = np.abs(librosa.stft(audio, n_fft=512, hop_length=64, pad_mode="reflect")) / 128
    picture = spectrogram_image(torch.as_tensor(audio), RATE)
    assert picture.shape == expected.shape
    np.testing.assert_allclose(picture, 20 * np.log10(expected + 1e-10), atol=1e-3)
    sine = np.sin(2 * np.pi * 1000 * np.arange(4000) / RATE)
    assert spectrogram_image(sine, RATE)[:, 30].max() == pytest.approx(0, abs=1e-3)


def test_figure_shows_all_panels_on_one_scale_with_the_gaps_at_their_seconds(tmp_path):
    original = torch.as_tensor(melody(2 * RATE))
    damaged = original.clone()
    damaged[9600:10400] = 0
    panels = {"Damaged": damaged, "Restored": 0.5 * original, "Original": original}
    drawing = figure(panels, [Gap(9600, 10400)], RATE, tmp_path / "picture.png", start=3.0)
    axes = [axis for axis in drawing.axes if axis.images]
    assert [axis.get_title("left") for axis in axes] == list(panels)
    limits = {axis.images[0].get_clim() for axis in axes}
    assert len(limits) == 1
    low, high = limits.pop()
    assert high - low == pytest.approx(RANGE_DB)
    for axis in axes:
        assert axis.get_xlim() == (3.0, 5.0)
        drawn = {x for line in axis.lines for x in line.get_xdata()}
        assert drawn == {3.0 + 9600 / RATE, 3.0 + 10400 / RATE}
    assert imread(tmp_path / "picture.png").std() > 0.1


def test_silence_and_numbers_that_are_none_give_a_finite_picture(tmp_path):
    broken = torch.zeros(4000)
    broken[100:200] = torch.nan
    assert (spectrogram_image(broken, RATE) == -200).all()
    figure({"Silence": broken}, [], RATE, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 0


def test_colours_run_from_dark_to_bright():
    colours = np.frombuffer(bytes.fromhex(colour_table()), np.uint8).reshape(256, 3)
    assert (np.diff(colours @ [0.299, 0.587, 0.114]) > -1).all()
    assert colours[0].sum() < 10 < 600 < colours[-1].sum()


def test_colours_are_those_of_matplotlib():
    matplotlib = pytest.importorskip("matplotlib")
    assert colour_table() == matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3].tobytes().hex()
