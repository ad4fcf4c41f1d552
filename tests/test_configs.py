"""The configs that come with the package: they parse, and the ablations differ from the paper in the network."""

import pytest
import torch
import yaml

from audio_inpaint.errors import InputError
from audio_inpaint.files.configs import FOLDER, find
from audio_inpaint.nn.harmonic import HarmonicConv2d
from audio_inpaint.training.cli import InpaintCLI


class Built(InpaintCLI):
    """Makes everything and runs nothing."""

    def _run_subcommand(self, subcommand):
        pass


def load(name):
    return yaml.safe_load((FOLDER / name).read_text())


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


def test_a_config_is_found_by_bare_name_with_or_without_suffix_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find("dpai.yaml") == find("dpai") == FOLDER / "dpai.yaml"
    own = tmp_path / "dpai.yaml"
    own.write_text("{}")
    assert find("dpai.yaml").samefile(own)


def test_an_unknown_config_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"dpai\.yaml"):
        find("nowhere.yaml")
