"""One step of a training, and the schedules of its rate."""

import copy
import math
from functools import partial

import pytest
import torch
from test_context_encoder_training import curve, saved
from tone_shards import run

from audio_inpaint.nn.slim_context_encoder import SlimContextEncoder
from audio_inpaint.training.models.context_encoder import ContextEncoder

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_step_is_the_papers_with_half_lambda_times_the_squared_kernels_in_the_loss():
    torch.manual_seed(0)
    sizes = {"context": 512, "gap": 256, "n_fft": 128, "hop_length": 32}
    model = ContextEncoder(partial(SlimContextEncoder, channels=4, depth=1), **sizes, weight_decay=0.3)
    model.double()  # biases in front of a batch norm have no gradient but that of rounding
    model._trainer = type("Logs", (), {"log_every_n_steps": 1, "global_step": 0, "estimated_stepping_batches": 9})()
    logged = {}
    model.log = lambda name, value, **_: logged.update({name: float(value.detach())})
    literal, segments = copy.deepcopy(model), torch.randn(2, 1280, dtype=torch.double)
    literal._trainer = model._trainer
    adam = torch.optim.Adam(literal.parameters(), 1e-3)
    ours = model.configure_optimizers()["optimizer"]
    for _ in range(3):
        loss = literal.training_step(segments, 0)
        # eq. (2): neither biases nor batch norms
        squares = sum(w.square().sum() for name, w in literal.named_parameters() if w.ndim == 4)
        adam.zero_grad()
        (loss + 0.3 / 2 * squares).backward()
        adam.step()
        ours.zero_grad()
        model.training_step(segments, 0).backward()
        ours.step()
    assert logged["loss"] == pytest.approx(float(loss), rel=1e-3)
    for (name, a), b in zip(model.named_parameters(), literal.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=name)


def line(*_):
    """A network of no use."""
    return torch.nn.Linear(2, 2)


def rates(steps, losses=None, **options):
    """The learning rates that a schedule gives, without a trainer."""
    model = ContextEncoder(line, learning_rate=1.0, **options)
    model._trainer = type("Steps", (), {"estimated_stepping_batches": steps})()
    parts = model.configure_optimizers()
    optimizer, schedule, found = parts["optimizer"], parts["lr_scheduler"]["scheduler"], []
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*([] if losses is None else [losses[step]]))
    return found


def test_schedules_drop_wait_and_fade():
    assert rates(6, schedule="drop", drop_at=4) == pytest.approx([1, 1, 1, 1, 0.1, 0.1])
    assert rates(4, schedule="drop", drop_at=9, warm_up=3) == pytest.approx([0.25, 0.5, 0.75, 1])
    cosine = [0.5 + 0.5 * math.cos(math.pi * step / 8) for step in range(8)]
    assert rates(8, schedule="cosine") == pytest.approx(cosine)
    falling = [1 - 0.01 * step for step in range(5)] + [0.96] * 11
    assert rates(16, falling, schedule="plateau") == pytest.approx([1.0] * 16)
    assert rates(18, [*falling, 0.96, 0.96], schedule="plateau")[-2:] == pytest.approx([0.1, 0.1])
    with pytest.raises(ValueError, match="no warm_up"):
        rates(4, schedule="plateau", warm_up=2)


def test_the_plateau_is_that_of_the_validation_loss(shards, tmp_path):
    run("fit", shards, tmp_path, "--model.init_args.schedule=plateau")
    (state,) = saved(tmp_path)["lr_schedulers"]
    assert state["best"] == pytest.approx(min(curve(tmp_path, "validation_loss").values()))
