"""Checkpoints, configs and records that are damaged or made to do harm: one line, before any work."""

import copy
import json
import os

import pytest
import torch
from prepared_sources import audio_file
from test_cli import damaged, refused

from audio_inpaint.errors import InputError
from audio_inpaint.files import configs
from audio_inpaint.nn import checkpoints
from audio_inpaint.training.initial_weights import begin_with, check_fit, check_whole
from data_prep import command

WHOLE = torch.load(checkpoints.FOLDER / "ce_music.pt", weights_only=True)
NAN = float("nan")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path / "a.wav")
    return tmp_path


def with_option(**options):
    return {**WHOLE, "hyper_parameters": {**WHOLE["hyper_parameters"], **options}}


def with_net(**arguments):
    net = copy.deepcopy(WHOLE["hyper_parameters"]["net"])
    net["init_args"] |= arguments
    return with_option(net=net)


SPOILT = {
    "a tensor": torch.zeros(3),
    "no weights": {**WHOLE, "state_dict": [1]},
    "weights without names": {**WHOLE, "state_dict": {3: torch.zeros(1)}},
    "options that are a tensor": {**WHOLE, "hyper_parameters": torch.zeros(2)},
    "a network that is a tensor": with_option(net=torch.zeros(1)),
    **{f"a rate of {value}": with_option(sample_rate=value) for value in (0, -1, NAN, 1e12, 10**12, "x", None, True)},
    "a rate that is a tensor": with_option(sample_rate=torch.tensor(3)),
    "no hop": with_option(hop_length=0),
    "iterations without end": with_option(iterations=10**12),
    "a network without channels": with_net(channels=0),
    "a network larger than its weights": with_net(channels=1 << 20),
    "NaN": {**WHOLE, "state_dict": {name: value * NAN for name, value in WHOLE["state_dict"].items()}},
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_checkpoint_is_one_line(here, capsys, kind):
    torch.save(SPOILT[kind], "x.ckpt")
    line = ("inpaint", "a.wav", "-o", "o.wav", "--gaps", "6000:6480", "--method", "x.ckpt")
    assert "x.ckpt is no checkpoint of a" in refused(capsys, *line)
    assert "x.ckpt is no checkpoint of a" in refused(capsys, "ship", "x.ckpt", "-o", "y.pt")
    assert not (here / "o.wav").exists()
    assert not (here / "y.pt").exists()


@pytest.mark.parametrize("content", [b"junk", b"\x80\x02kk\xff.", b"PK\3\4" + b"\0" * 50, os.urandom(300)])
def test_bytes_that_make_the_unpickler_raise_anything_are_one_line(here, content):
    (here / "x.ckpt").write_bytes(content)
    with pytest.raises(InputError, match="is damaged, or no checkpoint"):
        checkpoints.read(here / "x.ckpt")


class Net(torch.nn.Linear):
    @property
    def hparams(self):
        return {}


def test_weights_of_another_kind_or_no_numbers_do_not_fit(tmp_path):
    net = Net(1, 1)
    for weights in (
        dict.fromkeys(net.state_dict(), 3),
        {name: value * NAN for name, value in net.state_dict().items()},
    ):
        with pytest.raises(InputError):
            check_fit(net, {"state_dict": weights}, tmp_path)
    check_fit(net, {"state_dict": net.state_dict()}, tmp_path)


RUN = {"pytorch-lightning_version": "2.6.0", "epoch": 0, "global_step": 1, "loops": {"fit_loop": {}}, "callbacks": {},
       "optimizer_states": [{}], "lr_schedulers": []}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("epoch", NAN), ("global_step", torch.zeros(1)), ("loops", {}), ("loops", 3), ("callbacks", 3),
     ("optimizer_states", [3]), ("pytorch-lightning_version", "zzz"), ("lr_schedulers", None)],
)  # fmt: skip
def test_a_run_does_not_go_on_from_a_checkpoint_of_another_kind(tmp_path, name, value):
    check_whole(RUN, tmp_path)
    with pytest.raises(InputError, match=f"its {name} is missing or of another kind"):
        check_whole({**RUN, name: value}, tmp_path)


def test_files_that_have_the_names_of_ours_are_not_taken_for_them(here):
    for name in ("last", "dpai_fast"):
        (here / name).write_bytes(b"junk\0\xff")
    with pytest.raises(InputError, match="there is no network 'last'"):
        begin_with(Net(1, 1), "last")
    assert configs.find("dpai_fast") == configs.FOLDER / "dpai_fast.yaml"


BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(12))


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", BOMB, "[" * 5000, "a: " + "{b: " * 5000])
def test_a_config_without_end_is_one_line(here, text):
    (here / "c.yaml").write_text(text)
    with pytest.raises(InputError, match=r"c\.yaml"):
        configs.load("c.yaml")


@pytest.mark.parametrize("name", ["options.json", "training-000000.json"])
@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "[" * 5000, '{"consumed": -1}', "\0"])
def test_a_damaged_record_of_interrupted_work_is_one_line(tmp_path, capsys, name, text, monkeypatch):
    audio_file(tmp_path / "in" / "training" / "a.flac", 1.0, 16000)
    line = ["shards", "folder", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--workers", "1"]
    with monkeypatch.context() as killed:
        killed.setattr("data_prep.shards.remove_records", lambda folder: None)
        assert command.main(line) == 0
    (tmp_path / "out" / "manifest.json").unlink()
    record = tmp_path / "out" / ".progress" / name
    assert json.loads(record.read_text())
    record.write_text(text)
    capsys.readouterr()
    assert command.main(line) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"{record} is damaged: delete {tmp_path / 'out'}" in said
