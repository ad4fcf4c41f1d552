"""Networks, losses, data and callbacks of one's own, as docs/extend.md has them: from training to repairing."""

import re
import shutil
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from benchmark_cases import tone
from tone_shards import TINY

import audio_inpaint
from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.methods.registry import fingerprint
from audio_inpaint.nn import checkpoints
from audio_inpaint.nn.factory import described
from audio_inpaint.training.cli import main as train
from audio_inpaint.training.models.context_encoder import ContextEncoder

PAGE = (Path(__file__).parents[1] / "docs" / "extend.md").read_text(encoding="utf-8")
RATE, GAP = 16000, (6400, 7200)
# segments of 80 ms, as those of the tones of the tiny config
SMALL = {"context": 512, "gap": 256, "n_fft": 128, "hop_length": 32, "iterations": 3}

pytestmark = pytest.mark.usefixtures("one_thread")


def block(language, words):
    """Return the block of the page that holds some words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (found,) = [text for text in blocks if words in text]
    return found


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the page's files and a damaged recording."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    files = {"mynetwork": "Narrow(nn", "mymodel": "Absolute(", "mydata": "Tones(light", "mycallback": "Announce("}
    for name, words in files.items():
        Path(f"{name}.py").write_text(block("python", words))
    audio = soundfile.read(tone(tmp_path / "clean.wav"))[0]
    audio[slice(*GAP)] = 0
    soundfile.write("damaged.wav", audio, RATE, subtype="PCM_16")
    yield tmp_path
    for name in files:
        sys.modules.pop(name, None)


def sizes():
    """Options of a training of small segments on the page's data."""
    model = [f"--model.init_args.{name}={value}" for name, value in SMALL.items()]
    return [*model, "--data=mydata.Tones", "--data.init_args.samples=1280", "--trainer.max_steps=8"]


def fit(name, *options):
    """Train what a config names, in `runs/mine`."""
    run = ["--trainer.default_root_dir=runs/mine", "--trainer.accelerator=cpu"]
    return train(["fit", "-c", name, *sizes(), *run, *options])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Where the first test that asks for a trained network leaves it to the others."""
    return tmp_path_factory.mktemp("finished") / "runs"


@pytest.fixture
def trained(here, finished):
    """The checkpoint of the page's network, trained by the command on the page's data."""
    if not finished.exists():
        config = block("yaml", "mynetwork.Narrow").replace("ce_music_small.yaml", str(TINY))
        Path("mine.yaml").write_text(config)
        assert fit("mine.yaml", "--model.init_args.restored_segments=0") == 0
        shutil.copytree("runs", finished)
    shutil.copytree(finished, "runs", dirs_exist_ok=True)
    return Path("runs/mine/checkpoints/best.ckpt")


def differs_from_janssen():
    """Whether the network had its say in the repaired file, and nothing outside the gap changed."""
    fixed, damaged = (soundfile.read(name)[0] for name in ("mine.wav", "damaged.wav"))
    inside = np.zeros(len(fixed), bool)
    inside[slice(*GAP)] = True
    assert np.array_equal(fixed[~inside], damaged[~inside])
    filled = audio_inpaint.repair(damaged, [GAP], RATE, "janssen").audio
    return np.abs(fixed - filled)[inside].max() > 1e-3


def test_a_network_of_ones_own_goes_from_training_to_repairing_benchmark_and_shipping(trained, here, capsys):
    _, inpainting, benchmarking, shipping = block("bash", "mynetwork.py:Narrow").splitlines()
    assert main(inpainting.split()[1:]) == 0
    assert differs_from_janssen()
    tone(here / "demo" / "clips" / "music_tone.wav")
    assert main([*benchmarking.split()[1:], "--gap-ms", "20"]) == 0
    assert "best.ckpt:network=mynetwork.py:Narrow" in capsys.readouterr().out
    assert main(shipping.split()[1:]) == 0
    from mynetwork import Narrow

    whole, small = (checkpoints.load(path, Narrow) for path in (trained, Path("narrow.pt")))
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(small.state_dict()[name], weight, atol=1e-3, rtol=1e-3)


def test_a_network_that_nobody_named_is_refused_and_its_code_is_not_run(trained, capsys):
    Path("mynetwork.py").write_text("raise SystemError('this ran')")
    sys.modules.pop("mynetwork", None)
    assert main(["inpaint", "damaged.wav", "-o", "mine.wav", "--method", str(trained)]) == 2
    said = capsys.readouterr().err
    assert "has a network from outside the package, mynetwork.Narrow, whose code would be run" in said
    assert f"--method {trained}:network=mynetwork:Narrow" in said
    assert said.count("\n") == 1
    assert not Path("mine.wav").exists()
    assert main(["ship", str(trained), "-o", "narrow.pt"]) == 2


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("mydata.py:Tones", "has the network mynetwork.Narrow, not Tones"),
        ("gone.py:Narrow", "there is no file gone.py"),
        ("mynetwork.py:Wide", "there is no class or function Wide in mynetwork.py"),
        ("Narrow", "a network is named FILE.py:CLASS or MODULE:CLASS, not 'Narrow'"),
        ("", "a network is named FILE.py:CLASS"),
    ],
)
def test_another_network_than_the_checkpoints_is_refused_in_one_line(trained, capsys, network, words):
    assert main(["inpaint", "damaged.wav", "-o", "mine.wav", "--method", f"{trained}:network={network}"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_network_that_is_named_for_a_checkpoint_of_the_package_is_refused(here):
    with pytest.raises(InputError, match=r"has the network audio_inpaint\.nn\.\S+, not Narrow"):
        audio_inpaint.method("ce_music:network=mynetwork.py:Narrow")


def test_an_edit_of_the_network_is_an_edit_of_the_method(trained):
    spec = f"{trained}:network=mynetwork.py:Narrow"
    before = fingerprint(spec)
    assert fingerprint(spec) == before
    Path("mynetwork.py").write_text(Path("mynetwork.py").read_text().replace("ReLU", "GELU"))
    assert fingerprint(spec) != before


def test_a_loss_and_a_score_of_ones_own_and_a_callback_are_trained_by_class_path(here, capsys):
    model = ["--model=mymodel.Absolute", "--model.net=audio_inpaint.nn.slim_context_encoder.SlimContextEncoder"]
    small = [f"--model.net.init_args.{one}" for one in ("channels=8", "depth=1", "blocks=1", "filters=[2,2,2]")]
    Path("plain.yaml").write_text("trainer: {max_epochs: -1, log_every_n_steps: 1, num_sanity_val_steps: 0}\n")
    callback = ["--trainer.callbacks+=mycallback.Announce"]
    options = [option.replace("init_args.", "") if "--model" in option else option for option in sizes()]
    folder = ["--trainer.default_root_dir=runs/mine", "--trainer.accelerator=cpu", "--model.restored_segments=2"]
    assert train(["fit", "-c", "plain.yaml", *model, *small, *options, *folder, *callback]) == 0
    assert re.search(r"step 8: \d\.\d+\n", capsys.readouterr().out)
    assert "loudness_error" in Path("runs/mine/metrics.csv").read_text()
    from mymodel import Absolute

    estimate, target = torch.zeros(2, 1, 3, 4), torch.full((2, 1, 3, 4), 0.5)
    assert torch.equal(Absolute.loss(None, estimate, target), torch.tensor([0.5, 0.5]))


def test_a_model_trained_by_a_plain_trainer_gives_a_checkpoint_that_repairs(here):
    audio, _ = soundfile.read("damaged.wav")
    names = {"audio": audio, "gaps": [GAP], "sample_rate": RATE}
    exec(block("python", "trainer.save_checkpoint").replace("logger=False", "logger=False, accelerator='cpu'"), names)
    soundfile.write("mine.wav", names["repaired"].audio, RATE, subtype="PCM_16")
    assert differs_from_janssen()
    options = torch.load("narrow.ckpt", weights_only=True)["hyper_parameters"]
    assert options["net"] == {"class_path": "mynetwork.Narrow", "init_args": {"width": 4}}


def test_what_no_other_process_could_build_is_said_when_the_model_is_built():
    with pytest.raises(ValueError, match="no network that a checkpoint can name: define a class in a module"):
        ContextEncoder(lambda *sizes: torch.nn.Identity(), **SMALL)
    with pytest.raises(ValueError, match="name the arguments"):
        described(partial(torch.nn.Linear, 3))
