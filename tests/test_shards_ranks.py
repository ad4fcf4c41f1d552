"""Batches are shared out to as many processes as a cluster has."""

from types import SimpleNamespace

import pytest
import torch
from shard_files import data, write_shards

from audio_inpaint.errors import InputError
from audio_inpaint.files.configs import load
from audio_inpaint.training.data.shards import Shards


def as_rank(module, rank, ranks):
    """The part of a training that one of many processes would be given, without the others."""
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    progress = SimpleNamespace(batch_progress=SimpleNamespace(total=SimpleNamespace(processed=0)))
    module.trainer = SimpleNamespace(
        global_rank=rank, world_size=ranks, strategy=strategy, fit_loop=SimpleNamespace(epoch_loop=progress)
    )
    module.setup("fit")
    return module.train_dataloader()


@pytest.mark.parametrize("ranks", [16, 32])
def test_many_processes_are_given_what_one_is_given(tmp_path, ranks):
    training = write_shards(tmp_path)
    options = {"streams": None, "batch_size": 64, "steps": 2}
    alone = list(as_rank(data(training, **options), 0, 1))
    shares = [list(as_rank(data(training, **options), rank, ranks)) for rank in range(ranks)]
    for number, batch in enumerate(alone):
        assert {len(share[number]) for share in shares} == {64 // ranks}
        assert torch.equal(batch, torch.cat([share[number] for share in shares]))


@pytest.mark.parametrize("ranks", [1, 2, 4, 8, 16, 32, 64])
@pytest.mark.parametrize("name", ["ce_music.yaml", "ce_instruments.yaml", "ce_music_harmonic.yaml"])
def test_the_papers_configs_start_as_shipped_on_any_cluster(tmp_path, name, ranks):
    options = load(name)["data"]["init_args"]
    training = write_shards(tmp_path)
    module = Shards(**{**options, "training": training, "validation": None, "segment": data().segment})
    loader = as_rank(module, ranks - 1, ranks)
    assert len(loader.own) * loader.each * ranks == 256
    assert loader.workers == min(4, 64 // ranks)  # all that the config asks for, up to 16 processes


@pytest.mark.parametrize(("batch_size", "streams"), [(256, 64), (32, 32), (96, 32), (100, 4), (1, 1)])
def test_streams_follow_from_the_batch_alone(batch_size, streams):
    assert Shards(batch_size=batch_size).streams == streams


def test_a_batch_that_cannot_be_shared_out_is_refused_with_one_that_can(tmp_path):
    training = write_shards(tmp_path)
    with pytest.raises(InputError, match=r"by 24 processes equally: .*streams=24 .*batch_size=264"):
        as_rank(data(training, batch_size=256, streams=None), 0, 24)
    as_rank(data(training, batch_size=264, streams=24), 23, 24)
