"""A run that goes on from a checkpoint is given the batches that it would have been given."""

import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from shard_files import Noting, data, trainer, write_shards

pytestmark = pytest.mark.usefixtures("one_thread")


class Stop(Callback):
    """Kills a run in the midst of a batch."""

    def __init__(self, step):
        self.step = step

    def on_before_zero_grad(self, trainer, *_):
        if trainer.global_step == self.step:
            raise RuntimeError("killed")


def run(folder, training, steps=13, callbacks=(), ckpt_path=None, **options):
    model = Noting()
    loader = {"workers": options.pop("workers", 0)}
    validation = write_shards(folder, "validation", 1, 3) if options.pop("validate", True) else None
    fit = trainer(folder, max_steps=steps, callbacks=list(callbacks), enable_checkpointing=bool(callbacks), **options)
    fit.fit(model, datamodule=data(training, validation=validation, **loader), ckpt_path=ckpt_path)
    return model


@pytest.fixture
def training(tmp_path):
    return write_shards(tmp_path)


@pytest.fixture
def whole(tmp_path, training):
    return run(tmp_path, training).trained


def assert_same(batches, others):
    assert len(batches) == len(others)
    assert all(torch.equal(a, b) for a, b in zip(batches, others, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("every", [2, 3, 5])
def test_a_killed_run_goes_on_in_the_midst_of_an_epoch(tmp_path, training, whole, workers, every):
    saving = ModelCheckpoint(tmp_path, filename="last", every_n_train_steps=every, enable_version_counter=False)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path, training, callbacks=[saving, Stop(8)], workers=workers)
    resumed = run(tmp_path, training, ckpt_path=tmp_path / "last.ckpt", workers=workers)
    assert_same(resumed.trained, whole[8 // every * every :])


def test_a_run_goes_on_from_a_checkpoint_of_a_validation(tmp_path, training, whole):
    saving = ModelCheckpoint(tmp_path, filename="{step}", monitor="loss", save_top_k=-1)
    run(tmp_path, training, callbacks=[saving])
    for step in (5, 10):
        assert_same(run(tmp_path, training, ckpt_path=tmp_path / f"step={step}.ckpt").trained, whole[step:])


def test_a_run_goes_on_from_a_validation_within_an_epoch(tmp_path, training, whole):
    saving = ModelCheckpoint(tmp_path, filename="{step}", monitor="loss", save_top_k=-1)
    often = {"val_check_interval": 2}
    assert_same(run(tmp_path, training, callbacks=[saving], **often).trained, whole)
    for step in (2, 7):
        assert_same(run(tmp_path, training, ckpt_path=tmp_path / f"step={step}.ckpt", **often).trained, whole[step:])


def test_a_batch_that_was_interrupted_is_seen_again(tmp_path, training, whole):
    saving = ModelCheckpoint(tmp_path, filename="last", save_on_exception=True)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path, training, callbacks=[saving, Stop(7)])
    (saved,) = tmp_path.glob("*.ckpt")
    assert_same(run(tmp_path, training, ckpt_path=saved).trained, whole[7:])


def test_a_run_is_resumed_twice(tmp_path, training, whole):
    for begin, end in ((0, 3), (3, 9), (9, 13)):
        saving = ModelCheckpoint(tmp_path, filename=f"at{end}", every_n_train_steps=end)
        ckpt = tmp_path / f"at{begin}.ckpt" if begin else None
        assert_same(run(tmp_path, training, end, [saving], ckpt).trained, whole[begin:end])


def test_epochs_cut_short_by_the_trainer_go_on_in_the_data(tmp_path, training, whole):
    assert_same(run(tmp_path, training, limit_train_batches=4).trained, whole)


def test_a_run_without_validation_is_the_same(tmp_path, training, whole):
    assert_same(run(tmp_path, training, validate=False).trained, whole)


def test_other_batches_than_at_the_beginning_are_told(tmp_path, training):
    batches = data(training)
    batches.setup("fit")
    loader = batches.train_dataloader()
    with pytest.warns(UserWarning, match="other batches"):
        loader.load_state_dict({**loader.state_dict(), "each": 3})
