"""The configs that come with the package: they parse, and the ablations differ from the paper in the network."""

import pytest
import torch

from audio_inpaint.errors import InputError
from audio_inpaint.files.configs import FOLDER, find, load
from audio_inpaint.methods.deep_prior.config import Config
from audio_inpaint.methods.registry import fingerprint
from audio_inpaint.nn.harmonic import HarmonicConv2d
from audio_inpaint.training.cli import InpaintCLI, main


class Built(InpaintCLI):
    """Makes everything and runs nothing."""

    def _run_subcommand(self, subcommand):
        pass


@pytest.mark.parametrize("name", ["dpai_unet.yaml", "dpai_multires_plain.yaml"])
def test_an_ablation_differs_from_the_paper_in_the_network_alone(name):
    paper, ablation = load("dpai.yaml"), load(name)
    assert paper["model"]["init_args"].pop("net") != ablation["model"]["init_args"].pop("net")
    assert paper == ablation


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_every_config_begins_with_a_line_that_describes_it(name):
    assert (FOLDER / name).read_text().startswith("# ")


@pytest.mark.parametrize(
    ("name", "other", "places"),
    [
        ("ce_music.yaml", "ce_instruments.yaml", {"data", "trainer"}),
        ("ce_music_small.yaml", "ce_instruments_small.yaml", {"data", "trainer"}),
        ("ce_music.yaml", "ce_music_harmonic.yaml", {"model", "trainer"}),
        ("ce_music_small.yaml", "ce_music_small_harmonic.yaml", {"model", "trainer"}),
    ],
)
def test_context_encoder_configs_differ_in_data_or_network_alone(name, other, places):
    one, two = load(name), load(other)
    assert one["trainer"].pop("default_root_dir") != two["trainer"].pop("default_root_dir")
    assert one["trainer"] == two["trainer"]
    assert {place for place in one if one[place] != two[place]} == places - {"trainer"}
    for config in (one, two):
        if "model" in places:
            del config["model"]["init_args"]["net"]
        else:
            for split in ("training", "validation", "test"):
                del config["data"]["init_args"][split]
    assert one == two


@pytest.mark.parametrize(
    ("name", "output"),
    [
        *((path.name, "magnitude") for path in sorted(FOLDER.glob("ce_*.yaml"))),
        ("ce_music.yaml", "complex"),
        ("ce_music_small.yaml", "complex"),
    ],
)
def test_context_encoder_configs_build_their_networks_for_either_output(name, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cli = Built(["fit", "-c", name, f"--model.init_args.output={output}"])
    sizes = (257, 16), (2 if output == "complex" else 1, 257, 11)
    net = cli.model.inpainter.net.eval()
    assert net(torch.randn(1, 4, *sizes[0])).shape == (1, *sizes[1])
    assert ("harmonic" in name) == any(isinstance(module, HarmonicConv2d) for module in net.modules())


def test_the_published_codes_training_has_its_loss_and_its_weight_of_the_l2():
    paper, code = load("ce_music.yaml"), load("ce_music_code.yaml")
    options = code["model"]["init_args"]
    assert options.pop("loss") == "code"
    # the code adds 0.01 / 2 times the squared weights to the sum of its batches of 256
    assert options.pop("weight_decay") == pytest.approx(0.01 / code["data"]["init_args"]["batch_size"])
    for name in ("loss", "weight_decay"):
        del paper["model"]["init_args"][name]
    assert {name: paper[name] for name in ("model", "data")} == {name: code[name] for name in ("model", "data")}


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("ce_*.yaml")))
def test_checkpoints_come_by_steps_since_processes_would_agree_on_the_time_at_each_step(name):
    assert "train_time_interval" not in str(load(name)["trainer"])


def test_a_config_is_found_by_bare_name_with_or_without_suffix_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find("dpai.yaml") == find("dpai") == FOLDER / "dpai.yaml"
    own = tmp_path / "dpai.yaml"
    own.write_text("{}")
    assert find("dpai.yaml").samefile(own)


def test_an_unknown_config_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"dpai\.yaml"):
        find("nowhere.yaml")


def test_a_config_changes_its_base_beside_it_or_in_the_package(tmp_path, monkeypatch):
    (tmp_path / "paper.yaml").write_text("base: dpai.yaml\ntrainer: {max_steps: 7, callbacks: []}\n")
    unet = "{class_path: audio_inpaint.nn.unet.UNet, init_args: {norm: true}}"
    (tmp_path / "mine.yaml").write_text(
        f"base: paper.yaml\nmodel: {{init_args: {{net: {unet}, learning_rate: 1e-3}}}}\nseeds: 2\n"
    )
    monkeypatch.chdir(tmp_path.parent)
    config, paper = load(str(tmp_path / "mine.yaml")), load("dpai.yaml")
    assert "base" not in config
    assert config["trainer"] == paper["trainer"] | {"max_steps": 7, "callbacks": []}
    assert config["model"]["init_args"]["net"] == {
        "class_path": "audio_inpaint.nn.unet.UNet",
        "init_args": {"norm": True},
    }
    assert config["model"]["init_args"] | {"net": 0, "learning_rate": 0.01} == paper["model"]["init_args"] | {"net": 0}
    assert config["data"] == paper["data"]


def test_a_method_and_a_training_read_the_same_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("base: dpai_fast.yaml\nmodel: {init_args: {learning_rate: 2e-3}}\n")
    method, training = Config.load("mine.yaml"), Built(["deep_prior", "-c", "mine.yaml"])
    options = training.config["deep_prior"]
    assert (options.context, options.longest, options.trainer.max_steps) == (1.0, 8.0, 700)
    assert (method.context, method.longest, method.steps) == (1.0, 8.0, 700)
    given_to_training = options.model.init_args.as_dict()
    assert method.prior["learning_rate"] == given_to_training["learning_rate"] == 2e-3
    assert method.net["init_args"].items() <= given_to_training.pop("net")["init_args"].items()
    assert method.prior.items() <= given_to_training.items()


def test_a_method_has_another_fingerprint_when_the_base_of_its_config_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("audio_inpaint.files.configs.FOLDER", tmp_path)
    monkeypatch.setattr("audio_inpaint.methods.deep_prior.presets.FOLDER", tmp_path)
    (tmp_path / "dpai_base.yaml").write_text(paper := (FOLDER / "dpai.yaml").read_text())
    (tmp_path / "dpai_mine.yaml").write_text("base: dpai_base.yaml\nseeds: 2\n")
    before = fingerprint("dpai_mine")
    (tmp_path / "dpai_base.yaml").write_text(f"# told otherwise\n{paper}")
    assert fingerprint("dpai_mine") == before
    (tmp_path / "dpai_base.yaml").write_text(paper.replace("max_steps: 5000", "max_steps: 50"))
    assert fingerprint("dpai_mine") != before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("base: mine.yaml", "its own base"),
        ("base: nowhere.yaml", "there is no config nowhere.yaml"),
        ("- 1", "is no config"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_config_that_cannot_be_read_is_one_line(tmp_path, monkeypatch, capsys, text, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=told):
        load("mine.yaml")
    assert main(["fit", "-c", "mine.yaml"]) == 2
    assert told in capsys.readouterr().err
