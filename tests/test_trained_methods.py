"""Checkpoints of context encoders: reading, shipping, and restoring any recording with them."""

import subprocess
import sys

import pytest
import torch
from alike import alike, one_mask
from tiny_checkpoint import random_checkpoint

from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import read, write
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.context_encoder.context_encoder import ContextEncoder, _pieces
from audio_inpaint.methods.registry import method, names
from audio_inpaint.nn import checkpoints
from audio_inpaint.scores.snr import snr


def noise(channels, length, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(channels, length, generator=generator, dtype=torch.float64)


@pytest.fixture
def checkpoint(tmp_path):
    return random_checkpoint(tmp_path / "best.ckpt")


@pytest.fixture(params=["filled", "reconstructed"])
def constant(request, checkpoint, monkeypatch):
    """A method whose network fills every gap with 0.25."""
    trained = ContextEncoder(checkpoint, phases=request.param)
    segment = trained.inpainter.segment.lost
    monkeypatch.setattr(trained.inpainter, "restore", lambda x: x.masked_fill(segment, 0.25))
    monkeypatch.setattr(trained.inpainter, "improve", lambda x, lost, share: x.masked_fill(lost, 0.25))
    return trained


# ---- files


def test_a_checkpoint_builds_the_network_that_was_trained(checkpoint):
    inpainter = checkpoints.load(checkpoint)
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]
    for name, value in inpainter.state_dict().items():
        assert torch.equal(value, saved[f"inpainter.{name}"])
    assert not inpainter.training
    assert inpainter.segment.gap == 1024


def test_a_shipped_checkpoint_is_half_the_size_and_restores_the_same(checkpoint, tmp_path):
    assert main(["ship", str(checkpoint), "-o", str(tmp_path / "ce_test.pt")]) == 0
    assert main(["ship", str(tmp_path / "none.ckpt"), "-o", str(tmp_path / "none.pt")]) == 2
    assert not (tmp_path / "none.pt").exists()
    assert (tmp_path / "ce_test.pt").stat().st_size < 0.6 * checkpoint.stat().st_size
    audio, gap = noise(1, 8000), one_mask([Gap(3000, 4000)], 8000)
    full, half = (alike(ContextEncoder(path))(audio, gap, 16000) for path in (checkpoint, tmp_path / "ce_test.pt"))
    assert (full - half)[:, gap].square().mean() < 1e-3 * full[:, gap].square().mean()


def test_shipped_checkpoints_are_methods_and_models(checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    checkpoints.ship(checkpoint, tmp_path / "ce_test.pt")
    (tmp_path / "ce_test.md").write_text("# A network for tests\n\nMore.\n")
    assert checkpoints.names() == {"ce_test": "A network for tests"}
    assert names()["ce_test"] == "A network for tests"
    assert isinstance(method("ce_test"), ContextEncoder)
    assert main(["models"]) == 0
    assert capsys.readouterr().out == "ce_test  A network for tests\n"


@pytest.mark.parametrize("name", sorted(checkpoints.names()))
def test_what_is_shipped_is_small_has_a_card_and_hears_a_steady_tone_through_a_gap(name):
    path = checkpoints.find(name)
    assert path.stat().st_size < 25e6
    card = path.with_suffix(".md").read_text()
    assert all(word in card for word in ("licences", "config", "commit", "fit -c", "`burg`", "`janssen`"))
    time = torch.arange(8000, dtype=torch.float64) / 16000
    audio, gap = 0.3 * torch.sin(2 * torch.pi * 440 * time)[None], one_mask([Gap(3000, 4024)], 8000)
    # complex coefficients take far longer to learn: those networks are here for the paper's tables
    assert snr(alike(method(name))(audio, gap, 16000), audio, gap).item() > (5 if name.endswith("complex") else 10)


def test_trained_networks_restore_without_the_training_framework():
    code = (
        "import sys, torch; from audio_inpaint.methods.registry import method;"
        "method('ce_music')(torch.rand(1, 8000), torch.arange(8000)[None] // 500 == 5, 16000);"
        "sys.exit(any(name in sys.modules for name in ('lightning', 'wandb', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", ["missing", "text", "cut", "foreign", "other class", "other sizes"])
def test_files_that_are_no_checkpoints_are_refused_in_one_line(kind, checkpoint, tmp_path, capsys):
    path, content = tmp_path / "given.ckpt", torch.load(checkpoint, weights_only=True)
    if kind == "text":
        path.write_text("not a checkpoint")
    elif kind == "cut":
        path.write_bytes(checkpoint.read_bytes()[:-3000])
    elif kind == "foreign":
        torch.save({"weights": torch.zeros(3)}, path)
    elif kind == "other class":
        content["hyper_parameters"]["net"] = {"class_path": "subprocess.Popen", "init_args": {"args": "true"}}
        torch.save(content, path)
    elif kind == "other sizes":
        content["hyper_parameters"]["n_fft"] = 256
        torch.save(content, path)
    with pytest.raises(InputError, match=r"given\.ckpt") as raised:
        method(str(path))
    assert "\n" not in str(raised.value)
    write(tmp_path / "damaged.wav", noise(1, 8000), 16000)
    arguments = [str(tmp_path / "damaged.wav"), "-o", str(tmp_path / "out.wav"), "--gaps", "0.1-0.15"]
    assert main(["inpaint", *arguments, "--method", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out.wav").exists()


# ---- restoring


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels_are_restored_and_known_samples_kept(rate, channels, checkpoint):
    audio = noise(channels, rate)
    gap = one_mask([Gap(rate // 2, rate // 2 + rate // 20)], rate)
    restored = alike(ContextEncoder(checkpoint))(audio, gap, rate)
    assert torch.equal(restored[:, ~gap], audio[:, ~gap])
    assert restored.dtype == audio.dtype
    assert restored.isfinite().all()
    assert not torch.equal(restored, alike(method("janssen"))(audio, gap, rate))
    other = torch.where(gap, noise(channels, rate, 1), audio)
    assert torch.equal(alike(ContextEncoder(checkpoint))(other, gap, rate)[:, gap], restored[:, gap])


@pytest.mark.parametrize(
    "gaps",
    [
        [Gap(5000, 5001)],
        [Gap(5000, 6024)],
        [Gap(5000, 6025)],
        [Gap(4000, 9000)],
        [Gap(0, 700)],
        [Gap(15000, 16000)],
        [Gap(3000, 4000), Gap(4100, 5200), Gap(9000, 9100)],
    ],
)
def test_gaps_of_any_length_and_place_are_filled_whole_by_the_network(gaps, constant):
    audio, gap = noise(2, 16000), one_mask(gaps, 16000)
    restored = alike(constant)(audio, gap, 16000)
    assert (restored[:, gap] - 0.25).abs().max() < 1e-6
    assert torch.equal(restored[:, ~gap], audio[:, ~gap])


def test_the_networks_fill_comes_back_to_other_sample_rates(constant):
    time = torch.arange(44100, dtype=torch.float64) / 44100
    audio = 0.25 + 0.0 * time[None]  # what is known goes on as the network has it
    gap = one_mask([Gap(20000, 22500)], 44100)
    assert (alike(constant)(audio, gap, 44100)[:, gap] - 0.25).abs().max() < 1e-3


@pytest.mark.parametrize("enlarge", ["centred", "forwards", "backwards"])
def test_short_gaps_grow_where_one_wants(enlarge, checkpoint, monkeypatch):
    trained, seen = ContextEncoder(checkpoint, enlarge), []
    monkeypatch.setattr(trained.inpainter, "improve", lambda x, lost, share: seen.append((x, lost)) or x)
    audio = torch.arange(16000, dtype=torch.float64)[None] / 16000
    alike(trained)(audio, one_mask([Gap(5000, 5600)], 16000), 16000)
    expected = 5000 - {"centred": 212, "forwards": 0, "backwards": 424}[enlarge] - 2048
    (segments, lost), *_ = seen
    assert segments[0, 0].item() == pytest.approx(expected / 16000, abs=1e-6)
    assert lost[0].nonzero().flatten().tolist() == list(range(5000 - expected, 5600 - expected))


def test_long_gaps_are_filled_from_both_ends():
    assert _pieces(Gap(10, 1000), 1024) == [Gap(10, 1000)]
    pieces = _pieces(Gap(0, 3500), 1024)
    assert pieces == [Gap(0, 1024), Gap(2476, 3500), Gap(1024, 2048), Gap(2048, 2476)]


def test_unknown_options_are_refused(checkpoint):
    with pytest.raises(ValueError, match="sideways"):
        ContextEncoder(checkpoint, "sideways")
    with pytest.raises(ValueError, match="magic"):
        ContextEncoder(checkpoint, phases="magic")


def test_a_file_is_restored_from_a_checkpoint(checkpoint, tmp_path):
    audio = noise(2, 44100).clamp(-1, 1)
    write(tmp_path / "damaged.wav", audio, 44100, "PCM_24")
    arguments = [str(tmp_path / "damaged.wav"), "-o", str(tmp_path / "out.wav"), "--gaps", "0.1-0.15,0.5-0.6"]
    assert main(["inpaint", *arguments, "--method", str(checkpoint)]) == 0
    before, after = read(tmp_path / "damaged.wav")[0], read(tmp_path / "out.wav")[0]
    gap = one_mask([Gap(4410, 6615), Gap(22050, 26460)], 44100)
    assert torch.equal(before[:, ~gap], after[:, ~gap])
    assert not torch.equal(before[:, gap], after[:, gap])
