"""From recordings to filled gaps, from filled gaps to a network, and from the network to the default."""

import csv
import json
import tarfile

import pytest
import soundfile
import torch
import yaml
from signals import noise

from audio_inpaint.errors import InputError
from audio_inpaint.files.configs import load
from audio_inpaint.methods.recall.auto import Auto
from audio_inpaint.methods.refiner.evidence import Evidence
from audio_inpaint.nn.checkpoints import load_refiner, read, ship
from audio_inpaint.nn.discriminator import Discriminator
from audio_inpaint.nn.refiner import MAPS
from audio_inpaint.nn.refiner import Refiner as Network
from audio_inpaint.training.adversary import Adversary
from audio_inpaint.training.cli import main
from audio_inpaint.training.data.fills import Batches, FilledGaps, Fills
from audio_inpaint.training.models.refiner import Refiner
from data_prep import fills

RATE = 16000
pytestmark = pytest.mark.usefixtures("one_thread")


def chords(seconds, number):
    """A steady chord in noise: every recording another one."""
    time = torch.arange(round(seconds * RATE)) / RATE
    tones = sum((2 * torch.pi * pitch * (1 + 0.1 * number) * time).sin() for pitch in (220, 550, 1210))
    return 0.1 * tones.double()[None] + 0.1 * noise(len(time), seed=number)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder of recordings."""
    folder = tmp_path_factory.mktemp("recorded") / "chords"
    folder.mkdir()
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", chords(3, number).T.numpy(), RATE, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def filled(recorded, tmp_path_factory):
    """A folder of shards made by the command."""
    out = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fills, "PER_SHARD", 8)
        assert (
            fills.main([f"chords={recorded}", "-o", str(out), "--count", "16", "--cheaper", "1", "--workers", "1"]) == 0
        )
    return out


def trained(filled, folder, steps, *more, decay=0.5):
    """Train a small network by the shipped config, its averages over few steps."""
    config, shards = load("refiner.yaml"), f"{filled}/training-*.tar"
    for callback in config["trainer"]["callbacks"]:
        callback.get("init_args", {}).update({"decay": decay} if "EMA" in callback["class_path"] else {})
        if callback.get("init_args", {}).get("filename") == "last":
            callback["init_args"]["every_n_train_steps"] = 3
    config["trainer"] |= {"val_check_interval": 3, "log_every_n_steps": 1, "default_root_dir": str(folder)}
    config["trainer"] |= {"max_steps": steps, "gradient_clip_val": 1.0}
    config["model"]["init_args"] |= {"learning_rate": 5e-3, "warm_up": 1}
    config["model"]["init_args"]["net"]["init_args"]["widths"] = [4, 4, 6, 8]
    config["data"]["init_args"] = {"training": shards, "validation": shards, "test": shards, "batch_size": 4}
    place = folder.with_suffix(".yaml")
    place.write_text(yaml.safe_dump(config))
    return main(["fit", "-c", str(place), *more])


def test_shards_hold_fills_of_gaps_whose_truth_is_there(filled):
    shards = sorted(filled.glob("*.tar"))
    assert [shard.name for shard in shards] == ["training-chords-000000.tar", "training-chords-000001.tar"]
    with tarfile.open(shards[0]) as tar:
        for member in tar:
            data = tar.extractfile(member).read()
            if member.name.endswith(".json"):
                assert json.loads(data)["kind"] == "chords"
                continue
            evidence = Evidence.unpacked(data)
            truth = evidence.audio[:, evidence.hole.start : evidence.hole.stop]
            assert truth.shape == evidence.mix.shape
            assert 5 <= 1000 * truth.shape[-1] / RATE <= 200
            assert evidence.mix.square().sum() > 0.1 * truth.square().sum()  # the chord is continued
            assert (evidence.mix - truth).square().sum() < truth.square().sum()


def test_shards_are_made_once_and_are_the_same_again(recorded, filled, tmp_path, monkeypatch):
    monkeypatch.setattr(fills, "PER_SHARD", 8)
    before = {shard.name: shard.read_bytes() for shard in filled.glob("*.tar")}
    assert fills.write([f"chords={recorded}"], filled, count=16, cheaper=1) == 0
    assert fills.write([f"chords={recorded}"], tmp_path, count=8, cheaper=1) > 0
    name = "training-chords-000000.tar"
    assert (tmp_path / name).read_bytes() == before[name]


def test_a_training_on_a_few_fills_lowers_the_loss_and_its_network_is_shipped_and_used(filled, tmp_path, capsys):
    assert trained(filled, tmp_path / "run", 30) == 0
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    judged = [row for row in rows if row.get("validation_loss")]
    assert float(judged[-1]["validation_loss"]) < float(judged[-1]["loss_before"])
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    ship(best, tmp_path / "small.pt")
    assert (tmp_path / "small.pt").stat().st_size < best.stat().st_size / 2
    audio = chords(2, 1)
    gap = torch.zeros_like(audio, dtype=torch.bool)
    gap[:, 16000:17000] = True
    own, plain = Auto(refiner=tmp_path / "small.pt")(audio, gap, RATE), Auto(natural=0)(audio, gap, RATE)
    assert own[~gap].equal(audio[~gap])
    assert not own.equal(plain)
    gap[:, 16070:] = False  # 4.4 ms, shorter than any that it learnt
    own, plain = Auto(refiner=tmp_path / "small.pt")(audio, gap, RATE), Auto(natural=0)(audio, gap, RATE)
    assert own.equal(plain)
    capsys.readouterr()
    assert main(["test", "-c", str(tmp_path / "run.yaml"), "--ckpt_path", str(best)]) == 0
    assert "chords" in capsys.readouterr().out


def test_a_training_goes_on_with_the_same_command(filled, tmp_path):
    assert trained(filled, tmp_path / "run", 3) == 0
    assert trained(filled, tmp_path / "run", 6) == 0
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 6


def test_a_network_sees_no_map_that_is_hidden(filled):
    gaps = FilledGaps(sorted(map(str, filled.glob("*.tar"))))
    batch = gaps.batch([0, 1])
    torch.manual_seed(0)
    model = Refiner(net=Network, hidden=("fill", "spread"))
    torch.nn.init.normal_(model.net.output.weight)
    model.eval()
    before = model.refined(batch)
    for name in ("fill", "spread"):
        batch.observation.maps[:, MAPS.index(name)] += 1
    assert model.refined(batch).equal(before)
    batch.observation.maps[:, MAPS.index("level")] += 1
    assert not model.refined(batch).equal(before)
    with pytest.raises(ValueError, match="there is no map"):
        Refiner(net=Network, hidden=("colour",))


def test_batches_follow_from_seed_and_epoch_and_an_interrupted_run_gets_the_rest(filled):
    gaps = FilledGaps(sorted(map(str, filled.glob("*.tar"))))
    all_of_them = [batch.truth for batch in Batches(gaps, 4, seed=3)]
    assert sum(len(batch) for batch in all_of_them) == len(gaps)
    rest = [batch.truth for batch in Batches(gaps, 4, seed=3, position=lambda: 2)]
    assert all(a.equal(b) for a, b in zip(rest, all_of_them[2:], strict=True))


def test_only_what_was_lost_is_scored_and_the_truth_is_without_fault(filled):
    gaps = FilledGaps(sorted(map(str, filled.glob("*.tar"))))
    model, batch = Refiner(net=Network), gaps.batch([0, 1, 2])
    terms = model.terms(batch.truth, batch)
    assert terms["log_magnitudes"].abs().max() == 0
    assert terms["levels"].abs().max() == 0
    assert terms["samples"].max() < -13  # -60 dB
    known = batch.truth + 0.1 * ~batch.lost[:, None]
    assert model.terms(known, batch)["samples"].equal(terms["samples"])


def test_what_is_no_shard_of_fills_is_one_clear_line(tmp_path):
    (tmp_path / "no.tar").write_bytes(b"x" * 2048)
    with pytest.raises(InputError, match=r"no\.tar"):
        Fills(training=str(tmp_path / "no.tar")).setup("fit")
    with pytest.raises(InputError, match="no shards are given"):
        Fills().setup("fit")


class Loudness(torch.nn.Module):
    """A judge that can be checked by hand: its verdict is the mean level of a frame, times one weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, maps):
        return self.weight * maps[:, :1].mean(2, keepdim=True)


def test_an_adversary_has_the_losses_of_least_squares_in_lost_frames_and_neither_side_learns_from_the_other(filled):
    batch = FilledGaps(sorted(map(str, filled.glob("*.tar")))).batch([0, 1])
    adversary = Adversary(Loudness())
    audio = batch.observation.audio.clone().requires_grad_()
    found_out, mistaken = adversary(audio, batch)

    window = torch.hann_window(512)
    verdicts = []
    for signal in (audio.detach(), batch.truth):
        magnitude = torch.stft(signal[:, 0], 512, 128, window=window, pad_mode="constant", return_complex=True).abs()
        mean = magnitude.mean((1, 2), keepdim=True)
        verdicts.append(0.5 * (magnitude / mean + 1e-4).log().mean(1))
    padded = torch.nn.functional.pad(batch.lost.float(), (256, 256))
    share = torch.stack([
        torch.stack([(row[start : start + 512] * window**2).sum() for start in range(0, len(row) - 511, 128)])
        for row in padded
    ]) / window.square().sum()  # fmt: skip
    fake, real = verdicts
    assert found_out.item() == pytest.approx((((fake - 1) ** 2 * share).sum() / share.sum()).item(), rel=1e-3)
    expected = 0.5 * ((fake**2 + (real - 1) ** 2) * share).sum() / share.sum()
    assert mistaken.item() == pytest.approx(expected.item(), rel=1e-3)

    found_out.backward(retain_graph=True)
    assert adversary.judge.weight.grad is None
    assert audio.grad.abs().sum() > 0
    audio.grad = None
    mistaken.backward()
    assert audio.grad is None
    assert adversary.judge.weight.grad.abs() > 0


def test_a_judge_learns_to_tell_quiet_fills_from_recordings(filled):
    batch = FilledGaps(sorted(map(str, filled.glob("*.tar")))).batch([0])
    torch.manual_seed(0)
    adversary = Adversary(Discriminator())
    optimizer = torch.optim.Adam(adversary.parameters(), 3e-3)
    errors = []
    for _ in range(25):
        optimizer.zero_grad()
        mistaken = adversary(batch.truth * (1 - 0.9 * batch.lost.unsqueeze(1)), batch)[1]
        mistaken.backward()
        optimizer.step()
        errors.append(mistaken.item())
    assert errors[-1] < 0.1 < 0.25 < errors[0]  # 0.25: whoever calls everything half recorded


def test_a_training_with_an_adversary_begins_from_one_without_goes_on_and_ships_the_refiner_alone(filled, tmp_path):
    judged = ("--model.init_args.adversary=audio_inpaint.nn.discriminator.Discriminator",)
    assert trained(filled, tmp_path / "plain", 3) == 0
    begun = tmp_path / "plain" / "checkpoints" / "last.ckpt"
    assert trained(filled, tmp_path / "judged", 3, *judged, f"--init_from={begun}") == 0
    assert trained(filled, tmp_path / "judged", 6, *judged, f"--init_from={begun}") == 0
    last = tmp_path / "judged" / "checkpoints" / "last.ckpt"
    assert read(last)["global_step"] == 6
    assert any(name.startswith("adversary.") for name in read(last)["state_dict"])
    rows = list(csv.DictReader((tmp_path / "judged" / "metrics.csv").open()))
    assert {float(row["judge"]) > 0 for row in rows if row.get("judge")} == {True}
    ship(last, tmp_path / "small.pt")
    assert all(name.startswith("net.") for name in read(tmp_path / "small.pt")["state_dict"])
    assert load_refiner(tmp_path / "small.pt")(torch.zeros(1, len(MAPS), 20, 9)).shape == (1, 2, 20, 9)
