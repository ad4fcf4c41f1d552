"""A fill that is refined: only what the evidence leaves open changes, and nothing that was known."""

import pytest
import torch
from signals import noise

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.recall.auto import Auto, network
from audio_inpaint.methods.recall.scene import Scene
from audio_inpaint.methods.refiner.evidence import Evidence
from audio_inpaint.methods.refiner.observation import observed
from audio_inpaint.methods.refiner.refinement import fade, refined
from audio_inpaint.methods.refiner.rows import to_bins, to_rows
from audio_inpaint.methods.refiner.surroundings import Frames
from audio_inpaint.nn.checkpoints import find, load, load_refiner, names
from audio_inpaint.nn.refiner import MAPS, Refiner


def tones(length, rate, channels=1, seed=0):
    """Tones with a little noise, (channel, time) in double precision."""
    time = torch.arange(length) / rate
    chord = sum((2 * torch.pi * pitch * time).sin() / pitch for pitch in (220, 550, 1210, 2400))
    return 50 * chord.double() * torch.linspace(1, 0.5, channels)[:, None] + 0.02 * noise(length, channels, seed)


def evidence(lost=1024, rate=16000, channels=1, error=0.3, beside=None, seed=0):
    """Evidence as of a trial whose candidates err by so much of the energy, and the truth."""
    beside = round(0.3 * rate) if beside is None else beside
    audio = tones(2 * beside + lost, rate, channels, seed)
    truth = audio[:, beside : beside + lost]

    def wrong(x, ways, seed):
        other = noise(x.numel() * ways, seed=seed).reshape(ways, *x.shape)
        return x + other * (error * x.square().mean() / other.square().mean()).sqrt()

    rehearsed = [tones(lost, rate, channels, 5 + number) for number in range(2)]
    return Evidence(
        audio,
        Gap(beside, beside + lost),
        rate,
        wrong(truth, 4, 1),
        torch.full((4,), 0.25, dtype=torch.float64),
        torch.stack([wrong(x, 4, 2 + number) for number, x in enumerate(rehearsed)]),
        torch.stack(rehearsed),
        10.0,
    ), truth


def loud(seed=0):
    """A network that moves everything as far as it may."""
    torch.manual_seed(seed)
    net = Refiner().eval()
    torch.nn.init.normal_(net.output.weight, std=0.5)
    torch.nn.init.constant_(net.output.bias, 1.0)
    return net


def test_a_network_that_has_learned_nothing_changes_nothing():
    known, _ = evidence()
    assert refined(known, Refiner().eval()).equal(refined(known, None))
    assert not refined(known, loud()).equal(refined(known, None))
    assert refined(known, loud(), natural=0.0).equal(refined(known, None))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("milliseconds", [5, 20, 64, 200])
def test_any_gap_at_any_rate_is_refined_without_an_edge(rate, milliseconds):
    known, _ = evidence(round(milliseconds * rate / 1000), rate)
    fill, plain = refined(known, loud()), refined(known, None)
    assert fill.shape == plain.shape
    assert fill.isfinite().all()
    change = (fill - plain)[0].abs()
    assert change.max() > 0
    assert change[[0, -1]].max() < 0.35 * change.max()  # it fades in and out


@pytest.mark.parametrize("beside", [512, 700, 4800])
def test_what_lies_beyond_the_known_samples_says_nothing(beside):
    known, _ = evidence(beside=beside)
    wide = observed(known)
    assert wide.maps.isfinite().all()
    near = wide.maps[MAPS.index("fill")][:, [0, -1]]  # where a short context has no frame, the nearest one stands
    assert near.abs().max() < 4


@pytest.mark.parametrize("error", [1e-4, 1e-3, 1e-2])
def test_a_fill_moves_no_further_than_it_is_expected_to_err(error):
    known, truth = evidence(error=error)
    moved = refined(known, loud()) - refined(known, None)
    assert moved.square().sum() < 10 * error * truth.square().sum()
    less = refined(known, loud(), natural=0.5) - refined(known, None)
    assert 0.2 < less.square().sum() / moved.square().sum() < 0.35


def test_channels_keep_their_image():
    known, _ = evidence(channels=2, error=0.5)
    pair = {name: getattr(known, name)[..., :1, :] for name in ("audio", "fills", "rehearsals", "truths")}
    twice = {name: torch.cat([x, 0.25 * x], -2) for name, x in pair.items()}
    same = {name: getattr(known, name) for name in ("hole", "sample_rate", "weights", "expected")}
    fill = refined(Evidence(**twice, **same), loud())
    torch.testing.assert_close(fill[1], 0.25 * fill[0], rtol=1e-3, atol=1e-5)


def test_rows_above_eight_kilohertz_are_bands_and_give_back_what_they_are_given():
    power = torch.rand(2, 705, 7).double()
    rows = to_rows(power)
    assert rows.shape == (2, 257 + 56, 7)
    assert rows[:, 257].equal(power[:, 257:265].mean(1))
    assert to_rows(to_bins(rows, 705)).allclose(rows)
    assert to_rows(power[:, :129]).equal(power[:, :129])


def test_the_share_of_a_frame_that_is_lost_is_that_of_its_energy():
    frames = Frames.of(evidence(lost=1000)[0])
    window, lost = frames.stft.window.square(), torch.zeros(8000)
    lost[frames.before : frames.before + 1000] = 1
    for centre, share in zip(frames.centres.long() + frames.before, frames.shares, strict=True):
        inside = lost[centre - 256 : centre + 256]
        assert share == pytest.approx(float((window * inside).sum() / window.sum()), abs=1e-6)


def test_a_fade_is_zero_outside_a_gap_and_one_in_its_middle():
    weights = fade(Gap(100, 200), 300, 16000)
    assert not weights[:100].any()
    assert not weights[200:].any()
    assert weights[120:180].min() == 1
    assert weights.flip(0).equal(weights)


def test_evidence_is_written_and_read():
    known, _ = evidence(channels=2)
    again = Evidence.unpacked(known.packed())
    assert (again.hole, again.sample_rate, again.expected) == (known.hole, known.sample_rate, known.expected)
    for name in ("audio", "fills", "weights", "rehearsals", "truths"):
        assert getattr(again, name).equal(getattr(known, name).float())
    with pytest.raises(ValueError, match="no filled gap"):
        Evidence.unpacked(b"nothing")


# -- in the method ----------------------------------------------------------------------------------------------------


def scene(seconds=2.0, rate=16000, channels=1):
    audio = tones(round(seconds * rate), rate, channels) + 0.2 * noise(round(seconds * rate), channels, seed=4)
    gap = gap_mask([Gap(rate, rate + rate // 20)], audio.shape[-1], channels)
    return audio, gap, rate


def test_the_default_keeps_every_known_sample_and_sees_no_lost_one():
    audio, gap, rate = scene(channels=2)
    restored = Auto()(audio, gap, rate)
    assert restored[~gap].equal(audio[~gap])
    other = audio.masked_fill(gap, 0.5)
    assert Auto()(other, gap, rate).equal(restored)
    assert Auto()(audio, gap, rate).equal(restored)
    assert not restored[gap].equal(audio[gap])


def test_refinement_can_be_left_out():
    audio, gap, rate = scene()
    run = Gap(rate, rate + rate // 20)
    plain = Auto(refine=False)(audio, gap, rate)
    trial = Scene(Auto(), audio.masked_fill(gap, 0), gap[0], rate).trial(run)
    assert plain[:, run.start : run.stop].equal(trial.mix)
    assert not Auto()(audio, gap, rate).equal(plain)


def test_gaps_are_refined_alike_on_one_core_and_on_two():
    audio, _, rate = scene(3.0)
    gap = gap_mask([Gap(rate, rate + 800), Gap(2 * rate, 2 * rate + 500)], audio.shape[-1])
    fills = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        fills.append(Auto()(audio, gap, rate))
        torch.set_num_threads(before)
    assert fills[0].equal(fills[1])


def test_the_network_that_comes_with_the_package_is_small_and_no_method_of_its_own():
    net = load_refiner()
    assert sum(weight.numel() for weight in net.parameters()) < 2_000_000
    assert "refiner" in names(parts=True)
    assert "refiner" not in names()
    assert any(weight.abs().max() > 0 for weight in net.output.parameters())


def test_a_damaged_network_is_one_clear_line(tmp_path):
    audio, gap, rate = scene()
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="damaged"):
        Auto(refiner=broken)(audio, gap, rate)
    torch.save({"state_dict": {"net.x": torch.zeros(1)}, "hyper_parameters": {}}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="no checkpoint of a refiner"):
        network(tmp_path / "other.pt")


def test_shipped_networks_are_loaded_without_a_warning(recwarn):
    load_refiner()
    load(find("ce_music"))
    assert [str(warning.message) for warning in recwarn] == []
