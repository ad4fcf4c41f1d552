import io
import itertools
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from audio_inpaint.training.callbacks import StepBar
from audio_inpaint.training.cli import main

TINY = Path(__file__).parent / "tiny.yaml"

pytestmark = pytest.mark.filterwarnings("ignore")


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.isatty = lambda: terminal


def played(bar, steps, done=0):
    """A run of the bar over some steps, without Lightning."""
    bar.get_metrics = lambda *_: {"loss": 1 / 3, "snr": -0.125, "v_num": 0}
    trainer = SimpleNamespace(max_steps=steps, global_step=done, state=SimpleNamespace(fn="fit"))
    bar.on_train_start(trainer, None)
    for step in range(done + 1, steps + 1):
        trainer.global_step = step
        bar.on_train_batch_end(trainer, None, None, None, 0)
        if step % 50 == 0:
            bar.on_validation_end(trainer, None)
    bar.on_train_end(trainer, None)


def test_where_there_is_no_terminal_ten_lines_tell_the_way(monkeypatch):
    screen = Screen(terminal=False)
    monkeypatch.setattr("sys.stderr", screen)
    played(StepBar(), 5000)
    lines = screen.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("fit: step 500 of 5000, loss 0.33, snr -0.12, ")
    assert "\r" not in screen.getvalue()


def test_a_slow_run_tells_of_itself_at_validations_a_minute_apart_and_how_long_it_will_take(monkeypatch):
    screen, clock = Screen(terminal=False), itertools.count(step=0.5)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("audio_inpaint.training.callbacks.time.monotonic", lambda: next(clock))
    played(StepBar(), 2000, done=1000)  # about half a second a step
    lines = [line.split(", ") for line in screen.getvalue().splitlines()]
    steps = [int(words[0].split()[2]) for words in lines]
    assert steps == [1150, 1200, 1350, 1400, 1550, 1600, 1750, 1800, 1950, 2000]
    left = [sum(int(part) * 60**power for power, part in enumerate(words[-1][:-5].split(":")[::-1])) for words in lines]
    assert left == pytest.approx([0.52 * (2000 - step) for step in steps], rel=0.03, abs=1)


def test_a_terminal_shows_one_bar_that_begins_where_the_run_goes_on(monkeypatch):
    screen = Screen(terminal=True)
    monkeypatch.setattr("sys.stderr", screen)
    played(StepBar("deep prior"), 1000, done=400)
    drawn = screen.getvalue().split("\r")
    assert len(drawn) < 50
    assert "deep prior:  40%" in screen.getvalue()
    assert "1000/1000" in drawn[-1]
    assert "loss 0.33" in drawn[-1]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_disabled_bar_is_silent(monkeypatch, terminal):
    screen = Screen(terminal)
    monkeypatch.setattr("sys.stderr", screen)
    bar = StepBar()
    bar.disable()
    played(bar, 50)
    assert screen.getvalue() == ""


def run(tmp_path, *arguments, channels=1, name="in"):
    rng = np.random.default_rng(0)
    (tmp_path / "sources").mkdir(exist_ok=True)
    soundfile.write(tmp_path / f"sources/{name}.wav", rng.uniform(-0.5, 0.5, (4000, channels)), 8000)
    pictures = ["--trainer.callbacks+=audio_inpaint.training.callbacks.Spectrograms", "--trainer.callbacks.steps=[2,5]"]
    options = ["deep_prior", "-c", str(TINY), "--trainer.max_steps=5", "--input", str(tmp_path / "sources"), *pictures]
    assert main([*options, "--gaps=1000:1300", "--output", str(tmp_path / "out"), *arguments]) == 0
    return tmp_path / "out"


def test_pictures_and_sound_of_every_channel_are_written_at_the_chosen_steps(tmp_path):
    out = run(tmp_path, "--trainer.callbacks.steps=[5]", channels=2)
    written = {path.name for path in (out / "in/reconstructions").iterdir()}
    assert written == {f"channel_{channel}_step_000005.{kind}" for channel in (1, 2) for kind in ("png", "wav")}
    last = soundfile.read(out / "in/reconstructions/channel_2_step_000005.wav")[0]
    assert np.allclose(last, soundfile.read(out / "in.wav")[0][:, 1], atol=2 / 32768)


def test_pictures_can_come_with_every_so_many_steps_of_validation(tmp_path):
    every = ["--trainer.callbacks.steps=[]", "--trainer.callbacks.every=6", "--trainer.callbacks.audio=false"]
    out = run(tmp_path, *every, "--trainer.max_steps=7")
    assert [path.name for path in (out / "in/reconstructions").iterdir()] == ["channel_1_step_000006.png"]


def test_tensorboard_gets_curves_pictures_and_sound_in_the_files_folder(tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # which takes two seconds

    monkeypatch.chdir(tmp_path)
    out = run(tmp_path, "--trainer.logger=TensorBoardLogger")

    events = EventAccumulator(str(out / "in"), size_guidance={"images": 0, "audio": 0}).Reload()

    assert [event.step for event in events.Images("spectrogram/channel_1")] == [2, 5]
    assert [event.step for event in events.Scalars("loss")] == [0, 1, 2, 3, 4]
    assert events.Scalars("snr")
    assert "hp_metric" not in events.Tags()["scalars"]
    sounds = {title: events.Audio(f"audio/channel_1/{title}")[-1] for title in ("damaged", "restored", "network")}
    sound = sounds["restored"]
    logged, rate = soundfile.read(io.BytesIO(sound.encoded_audio_string))
    assert (rate, sound.step) == (8000, 5)
    assert np.allclose(logged, soundfile.read(out / "in.wav")[0], atol=2 / 32768)
    damaged = soundfile.read(io.BytesIO(sounds["damaged"].encoded_audio_string))[0]
    expected = soundfile.read(tmp_path / "sources/in.wav")[0]
    expected[1000:1300] = 0
    assert np.allclose(damaged, expected, atol=2 / 32768)
    assert not (tmp_path / "runs").exists()


def test_wandb_offline_gets_a_run_with_media_for_each_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    (tmp_path / "sources").mkdir()
    soundfile.write(tmp_path / "sources/other.wav", np.random.default_rng(1).uniform(-0.5, 0.5, 4000), 8000)

    out = run(
        tmp_path, "--trainer.logger=WandbLogger", "--trainer.logger.offline=true", "--trainer.callbacks.steps=[2]"
    )

    identities = set()
    for name in ("in", "other"):
        (folder,) = (out / name / "wandb").glob("offline-run-*")
        assert list(folder.glob("files/media/images/spectrogram/*.png"))
        assert list(folder.glob("files/media/audio/audio/*.wav"))
        record = folder / f"run-{folder.name.split('-')[-1]}.wandb"
        until = time.monotonic() + 60
        while record.stat().st_size <= 1000 and time.monotonic() < until:  # a process of wandb's own writes it
            time.sleep(0.1)
        assert record.stat().st_size > 1000
        identities.add(folder.name)
        assert (out / name / "reconstructions").is_dir()
    assert len(identities) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "sources"]
