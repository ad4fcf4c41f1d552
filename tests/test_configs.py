"""The configs that come with the package: they parse, and the ablations differ from the paper in the network."""

import pytest
import yaml

from audio_inpaint.configs import FOLDER, find
from audio_inpaint.errors import InputError


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


def test_a_config_is_found_by_bare_name_with_or_without_suffix_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find("dpai.yaml") == find("dpai") == FOLDER / "dpai.yaml"
    own = tmp_path / "dpai.yaml"
    own.write_text("{}")
    assert find("dpai.yaml").samefile(own)


def test_an_unknown_config_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"dpai\.yaml"):
        find("nowhere.yaml")
