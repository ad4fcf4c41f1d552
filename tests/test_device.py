"""Where methods compute: what is accepted, what is refused, and that it reaches methods and their networks.

Torch's `meta` stands for a GPU: what is there has a shape and no values, and cannot be mixed with the processor's.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import torch
from tiny_checkpoint import SIZES, random_checkpoint
from tiny_fits import SPANS, TINY, damaged, sound

import audio_inpaint
from audio_inpaint import repairing
from audio_inpaint.benchmark import engine
from audio_inpaint.benchmark.cases import Case, Mask, Recording
from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap
from audio_inpaint.methods import device, registry
from audio_inpaint.methods.catch_a_waveform import catch_a_waveform
from audio_inpaint.methods.context_encoder.context_encoder import ContextEncoder
from audio_inpaint.methods.contract import ContractError, restored_columns
from audio_inpaint.methods.deep_prior.config import Config
from audio_inpaint.methods.deep_prior.fit import Fit

RATE, LENGTH, GAP = 16000, 16000, Gap(8000, 8500)
SPEC = "8000:8500"
ABSENT = ["cuda", "cuda:0", "cuda:1", "meta", "", "nonsense", "cuda:x", "5"]


class Recorder:
    """Notes where it is called, and returns a constant, on the processor."""

    context = 0.1
    gpu = True
    seen: list = []  # noqa: RUF012 (one for all that are made)

    def __call__(self, audio, gap, sample_rate):
        self.seen.append((audio.device.type, gap.device.type))
        return torch.full(audio.shape, 0.25, dtype=audio.dtype)

    def columns(self, audio, gap, sample_rate):
        return self(audio, gap, sample_rate)


class OnTheProcessor(Recorder):
    """Does not say that it can compute elsewhere."""

    gpu = False


class Elsewhere(torch.Tensor):
    """Audio that says it is on another device, from where it can be fetched."""

    device = torch.device("meta")

    def cpu(self):
        return self.as_subclass(torch.Tensor)


@pytest.fixture
def recorder(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", {})
    monkeypatch.setattr(Recorder, "seen", [])
    audio_inpaint.register("recorder", Recorder)
    audio_inpaint.register("processor", OnTheProcessor)
    return Recorder.seen


@pytest.fixture
def pretended(monkeypatch):
    """Let `meta` pass for a device that there is."""
    for module in (repairing, engine, device):
        monkeypatch.setattr(module, "checked_device", lambda name: name)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a constant recording, damaged and whole, that 16 bits hold exactly."""
    monkeypatch.chdir(tmp_path)
    audio = np.full((LENGTH, 1), 0.25)
    soundfile.write("clean.wav", audio, RATE)
    audio[GAP.start : GAP.stop] = 0
    soundfile.write("damaged.wav", audio, RATE)
    return tmp_path


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


# What is accepted


@pytest.mark.parametrize("name", ABSENT)
@pytest.mark.parametrize("command", ["inpaint", "benchmark", "repair", "repair_file"])
def test_a_device_that_is_not_there_is_refused_in_one_line(here, capsys, recorder, name, command):
    if command.startswith("repair"):
        doors = {
            "repair": lambda: audio_inpaint.repair(np.ones(LENGTH), [GAP], RATE, "recorder", device=name),
            "repair_file": lambda: audio_inpaint.repair_file("damaged.wav", "out.wav", [GAP], "recorder", device=name),
        }
        with pytest.raises(InputError, match="device") as caught:
            doors[command]()
        said = str(caught.value)
    else:
        rest = {
            "inpaint": ["inpaint", "damaged.wav", "-o", "out.wav", "--method", "recorder"],
            "benchmark": ["benchmark", "clean.wav", "-o", "runs", "--methods", "recorder"],
        }
        assert main([*rest[command], "--device", name]) == 2
        said = capsys.readouterr().err.rstrip("\n")
        assert "device" in said
    assert "\n" not in said
    assert len(said) < 200
    assert recorder == []
    assert not (here / "out.wav").exists()


def test_the_number_of_gpus_is_said_where_there_are_some(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device.checked_device("cuda") == "cuda"
    assert device.checked_device("cuda:1") == "cuda:1"
    with pytest.raises(InputError, match="the device cuda:2 is not there: this machine has 2"):
        device.checked_device("cuda:2")


def test_the_processor_is_accepted_everywhere(here, recorder):
    assert (
        main(["inpaint", "damaged.wav", "-o", "out.wav", "--gaps", SPEC, "--method", "recorder", "--device", "cpu"])
        == 0
    )
    audio_inpaint.repair(np.ones(LENGTH) / 4, [GAP], RATE, Recorder(), device="cpu")
    audio_inpaint.repair_file("damaged.wav", "again.wav", [GAP], "recorder", device="cpu")
    given = ["benchmark", "demo", "-o", "runs", "--methods", "silence", "--device", "cpu", "--gap-ms", "20"]
    soundfile.write("demo.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE)
    assert main([*given[:1], "demo.wav", *given[2:], "--workers", "1"]) == 0
    assert recorder == [("cpu", "cpu")] * 3


# Where methods get their audio


@pytest.mark.parametrize(("name", "place"), [("recorder", "meta"), ("processor", "cpu")])
def test_the_device_reaches_methods_that_can_use_it_through_every_door(here, recorder, pretended, name, place):
    command = ["inpaint", "damaged.wav", "--gaps", SPEC, "--method", name, "--device", "meta", "-o"]
    assert main([*command, "out.wav"]) == 0
    repaired = audio_inpaint.repair(np.full(LENGTH, 0.25), [GAP], RATE, name, device="meta").audio
    audio_inpaint.repair_file("damaged.wav", "again.wav", [GAP], name, device="meta")
    assert recorder == [(place, place)] * 3
    assert (repaired == 0.25).all()
    for path in ("out.wav", "again.wav"):
        assert (soundfile.read(path)[0] == 0.25).all()


@pytest.mark.parametrize("protocol", ["time", "columns"])
@pytest.mark.parametrize(("name", "place"), [("recorder", "meta"), ("processor", "cpu")])
def test_the_device_reaches_the_methods_of_a_benchmark(here, recorder, pretended, monkeypatch, name, place, protocol):
    monkeypatch.setattr(engine, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    engine._method.cache_clear()
    case = Case(Recording("a", "music", here / "clean.wav"), Mask("gap", 31.25, (GAP,)))
    scores = ["nmse_tot"]
    results = engine.run([name], [case], scores, here / "cache", protocol, device="meta")
    assert results.failures == []
    assert recorder == [(place, place)]
    assert engine.run([name], [case], scores, here / "cache", protocol, device="meta").failures == []
    assert len(recorder) == 1  # known, but for this device alone
    engine.run([name], [case], scores, here / "cache", protocol, device="cpu")
    assert recorder[1:] == [("cpu", "cpu")]


def test_what_is_restored_from_columns_is_checked_too():
    class Short(Recorder):
        def columns(self, audio, gap, sample_rate):
            return audio[:, :50].clone()

    with pytest.raises(ContractError, match=r"Short returned .* \(1, 50\)"):
        restored_columns(Short(), torch.zeros(1, 100), torch.zeros(100, dtype=torch.bool), RATE)


# Where networks compute


def test_a_deep_prior_is_fitted_where_its_signal_is():
    config = Config.load(str(TINY))
    given = damaged(sound(), *SPANS)
    signal = config.signal(given.audio, given.gap, given.sample_rate)
    fit = Fit(config.fit(signal).prior, signal.to("meta"), 1)
    parts = [
        *fit.prior.parameters(),
        *fit.prior.buffers(),
        *(p for g in fit.optimizer.param_groups for p in g["params"]),
    ]
    assert {part.device.type for part in parts} == {"meta"}
    assert registry.method("dpai_fast").gpu


@pytest.mark.parametrize("options", [{}, {"phases": "reconstructed"}])
@pytest.mark.parametrize("output", ["magnitude", "complex"])
def test_the_network_of_a_context_encoder_computes_where_the_audio_is(tmp_path, monkeypatch, output, options):
    monkeypatch.setitem(SIZES, "output", output)
    method = ContextEncoder(random_checkpoint(tmp_path / "a.ckpt"), **options)
    places, batch = [], method._batch

    def noted(segments, lost):
        places.extend(part.device.type for part in method.inpainter.parameters())
        if output == "complex":  # what becomes of magnitudes depends on values
            assert batch(segments, lost).device.type == "meta"
        return segments.clone()

    def istft(spectrum, n_fft, hop_length, win_length, window, center, length):  # torch's looks at the window's values
        assert spectrum.device == window.device
        return window.new_empty(len(spectrum), length)

    monkeypatch.setattr(torch, "istft", istft)
    monkeypatch.setattr(method, "_batch", noted)
    gap = torch.zeros(1, LENGTH, dtype=torch.bool)
    gap[:, GAP.start : GAP.stop] = True
    method(torch.randn(1, LENGTH).as_subclass(Elsewhere), gap.as_subclass(Elsewhere), RATE)
    assert set(places) == {"meta"}
    assert method.gpu


def test_the_networks_of_catch_a_waveform_are_fitted_where_the_audio_is(monkeypatch):
    seen = []

    def pyramid(audio, gap, sample_rate):
        seen.extend([audio.device.type, gap.device.type])
        return [audio]

    def reconstruction(scales, width, epochs):
        return torch.zeros(1, LENGTH)

    monkeypatch.setattr(catch_a_waveform, "pyramid", pyramid)
    monkeypatch.setattr(catch_a_waveform, "reconstruction", reconstruction)
    gap = torch.zeros(LENGTH, dtype=torch.bool)
    gap[GAP.start : GAP.stop] = True
    method = catch_a_waveform.CatchAWaveform()
    method.restore(torch.randn(1, LENGTH).as_subclass(Elsewhere), gap.as_subclass(Elsewhere), RATE)
    assert seen == ["meta", "meta"]
    assert method.gpu
