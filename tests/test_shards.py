"""What is drawn from shards for training, and the sets held out."""

import os
import signal
import time
from collections import Counter
from itertools import chain, zip_longest
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from shard_files import SEGMENT, Noting, batches, data, recording, trainer, write_shard, write_shards
from torch.distributed import is_initialized

from audio_inpaint.training.data.held_out import HeldOut


def segments_of(numbers, samples=1000, hop=10):
    """Every segment of some recordings -> (recording, first sample), by a plain loop."""
    found = {}
    for number in numbers:
        audio = recording(number, samples).astype(np.float32)
        for start in range(0, samples - SEGMENT.length + 1, hop):
            found[audio[start : start + SEGMENT.length].tobytes()] = (number, start)
    return found


def names(batch, known):
    return [known[segment.numpy().tobytes()] for segment in batch]


@pytest.mark.parametrize("workers", [1, 3, 9])
def test_batches_are_the_same_for_any_number_of_workers(tmp_path, workers):
    training = write_shards(tmp_path)
    torch.testing.assert_close(batches(training, 7), batches(training, 7, workers=workers), rtol=0, atol=0)


def test_batches_are_float32_and_only_the_seed_changes_them(tmp_path):
    training = write_shards(tmp_path)
    first, again, other = (torch.stack(batches(training, 5, seed=seed)) for seed in (0, 0, 1))
    assert first.dtype == torch.float32
    assert first.shape == (5, 8, SEGMENT.length)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_epoch_has_its_own_order(tmp_path):
    training = write_shards(tmp_path)
    first, second, across = (torch.stack(batches(training, 5, position)) for position in (0, 5, 3))
    assert torch.equal(across, torch.cat([first[3:], second[:3]]))
    assert not torch.equal(first, second)


def test_segments_lie_on_the_grid_and_none_is_repeated_within_a_visit(tmp_path):
    known = segments_of(range(15))
    options = {"streams": 1, "batch_size": 4, "buffer": 1, "steps": 30}  # without a buffer a visit is a batch
    for batch in batches(write_shards(tmp_path), 30, **options):
        places = names(batch, known)
        assert len({number for number, _ in places}) == 1
        assert len(set(places)) == 4


def test_random_offsets_lie_beside_the_grid_too(tmp_path):
    known = segments_of(range(15), hop=1)
    drawn = torch.cat(batches(write_shards(tmp_path), 20, offsets="random", steps=20))
    assert {start % 10 for _, start in names(drawn, known)} == set(range(10))


@pytest.mark.parametrize(("shards", "each"), [(1, 24), (3, 8), (8, 3), (12, 2)])
def test_recordings_are_equally_likely(tmp_path, shards, each):
    """Also where an epoch ends long before all are seen."""
    known = segments_of(range(24))
    training = write_shards(tmp_path, "training", shards, each)
    drawn = [b for epoch in range(60) for b in batches(training, 5, 5 * epoch, buffer=2)]
    counts = Counter(number for number, _ in names(torch.cat(drawn), known))
    assert len(counts) == 24
    assert all(0.6 < count / 100 < 1.5 for count in counts.values())


def test_streams_that_share_a_shard_read_different_recordings(tmp_path):
    known = segments_of(range(8))
    training = write_shards(tmp_path, "training", 1, 8)
    batch = batches(training, 1, per_recording=None, batch_size=40, buffer=1)[0]
    of_stream = [{number for number, _ in names(part, known)} for part in batch.split(10)]
    assert sum(map(len, of_stream)) == len(set.union(*of_stream)) == 4


def test_all_segments_of_a_recording_are_taken_where_wanted(tmp_path):
    known = segments_of([0])
    options = {"per_recording": None, "streams": 1, "batch_size": len(known), "buffer": 1}
    write_shard(tmp_path / "one.tar", [0])
    assert sorted(names(batches(str(tmp_path / "one.tar"), 1, **options)[0], known)) == sorted(known.values())


def test_segments_with_a_silent_gap_are_left_out(tmp_path, monkeypatch):
    silent = np.r_[np.zeros(500), recording(0, 500)]
    monkeypatch.setattr("shard_files.recording", lambda *_: silent)
    shard = str(tmp_path / "one.tar")
    write_shard(shard, [0])
    drawn = torch.cat([*batches(shard, 20, steps=20), *HeldOut([shard], SEGMENT, 10, None, 9, 0, 1)])
    gaps = drawn[:, SEGMENT.context : SEGMENT.context + SEGMENT.gap]
    assert (gaps.abs().mean(-1) >= 1e-3).all()
    assert (drawn[:, 0] == 0).any()  # their contexts may be


def test_shards_come_from_lists_braces_and_commands(tmp_path):
    whole = batches(write_shards(tmp_path), 3)
    paths = [str(tmp_path / f"training-{number:06d}.tar") for number in range(3)]
    for source in (paths, str(tmp_path / "training-{000000..000002}.tar")):
        torch.testing.assert_close(whole, batches(source, 3), rtol=0, atol=0)
    piped = batches([f"pipe:cat {path}" for path in paths], 40, steps=40, workers=1)
    known = segments_of(range(15))
    assert {name[0] for batch in piped for name in names(batch, known)} == set(range(15))


@pytest.mark.parametrize(("most", "count"), [(None, 3 * 5 * 10), (60, 60), (7, 7), (1000, 150)])
def test_a_held_out_set_is_shared_without_repetition(tmp_path, most, count):
    write_shards(tmp_path)
    known = segments_of(range(15), hop=100)
    shards = sorted(map(str, tmp_path.glob("*.tar")))
    alone = names(torch.cat(list(HeldOut(shards, SEGMENT, 100, most, 8, 0, 1))), known)
    assert len(alone) == len(set(alone)) == count
    for ranks in (2, 3, 7):
        shares = [
            [names(batch, known) for batch in HeldOut(shards, SEGMENT, 100, most, 8, r, ranks)] for r in range(ranks)
        ]
        assert len({len(share) for share in shares}) == 1
        assert all(1 <= len(batch) <= 8 for share in shares for batch in share)
        taken_in_turn = zip_longest(*(chain(*share) for share in shares))
        assert [name for turn in taken_in_turn for name in turn if name] == alone


@pytest.mark.parametrize("ranks", [3, 4])
def test_no_batch_is_empty_where_ranks_take_single_segments(tmp_path, ranks):
    write_shard(tmp_path / "one.tar", [0], 500)  # five segments
    shares = [HeldOut([str(tmp_path / "one.tar")], SEGMENT, 100, None, 1, rank, ranks) for rank in range(ranks)]
    assert {len(share) for share in shares} == {1}
    assert sorted(len(batch) for share in shares for batch in share) == [1, 2, 2] if ranks == 3 else [1, 1, 1, 2]


def test_the_first_held_out_segments_stand_for_all(tmp_path):
    write_shards(tmp_path)
    known = segments_of(range(15), hop=10)
    first = next(iter(HeldOut(sorted(map(str, tmp_path.glob("*.tar"))), SEGMENT, 10, None, 60, 0, 1)))
    assert len({number for number, _ in names(first, known)}) > 12


def test_a_smaller_held_out_set_is_spread_evenly(tmp_path):
    write_shards(tmp_path)
    known = segments_of(range(15), hop=100)
    (batch,) = HeldOut(sorted(map(str, tmp_path.glob("*.tar"))), SEGMENT, 100, 30, 30, 0, 1)
    assert Counter(number for number, _ in names(batch, known)) == dict.fromkeys(range(15), 2)


class NotingToDisk(Noting):
    """Writes at the end what it noted: ranks are processes."""

    def on_fit_end(self):
        assert is_initialized() == (self.trainer.world_size > 1)
        noted = (self.trained, self.validated)
        torch.save(noted, f"{self.trainer.default_root_dir}/{self.trainer.world_size}-{self.trainer.global_rank}.pt")


def test_two_processes_are_given_what_one_is_given(tmp_path, one_thread):
    training = write_shards(tmp_path, "training", 3, 5)
    write_shard(tmp_path / "training-000003.tar", [20, 21, 22, 23, 24, 25])  # shards of unequal sizes
    write_shard(tmp_path / "validation.tar", [30])  # fewer recordings than processes
    for ranks, strategy in ((1, "auto"), (2, "ddp_fork")):
        fit = trainer(tmp_path, devices=ranks, strategy=strategy, max_steps=6, enable_checkpointing=False)
        module = data(training, validation=str(tmp_path / "validation.tar"), workers=ranks - 1)
        fit.fit(NotingToDisk(), datamodule=module)
    alone, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("1-0", "2-0", "2-1"))
    assert len(alone[0]) == len(first[0]) == len(second[0]) == 6
    for whole, *parts in zip(alone[0], first[0], second[0], strict=True):
        assert torch.equal(whole, torch.cat(parts))
    assert len(first[1]) == len(second[1])
    held_out = torch.cat([torch.cat(noted[1]) for noted in (first, second)])
    assert sorted(held_out.tolist()) == sorted(torch.cat(alone[1]).tolist())


def test_the_sizes_are_the_models(tmp_path):
    model = Noting()
    module = data(write_shards(tmp_path), test=write_shards(tmp_path, "test", 1, 2), segment=None)
    run = trainer(tmp_path, max_steps=1, enable_checkpointing=False)
    run.fit(model, datamodule=module)
    run.test(model, datamodule=module, verbose=False)
    assert model.trained[0].shape == (8, SEGMENT.length)
    assert sum(map(len, model.tested)) == 20


def test_a_rank_uses_no_more_workers_than_its_streams(tmp_path):
    module = data(write_shards(tmp_path), workers=3)
    module.setup("fit")
    module.trainer = SimpleNamespace(
        global_rank=1, world_size=2, strategy=SimpleNamespace(root_device=torch.device("cpu"))
    )
    loader = module.train_dataloader()
    assert (loader.workers, loader.own) == (2, range(2, 4))


def test_ctrl_c_ends_the_workers_without_a_word(tmp_path):
    module, said, begun = data(write_shards(tmp_path), workers=2, steps=10**6), tmp_path / "said", tmp_path / "begun"
    module.setup("fit")
    if not (child := os.fork()):
        code = 1
        try:
            os.setsid()
            signal.alarm(30)  # never hangs
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT), 2)
            for _ in module.train_dataloader():
                begun.touch()
        except KeyboardInterrupt:
            code = 130
        finally:
            os._exit(code)
    while not begun.exists() and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.01)
    os.killpg(child, signal.SIGINT)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    assert said.read_text() == ""
