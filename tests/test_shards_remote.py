"""Shards behind URLs and commands are fetched once, by whatever program fetches them."""

import functools
import http.server
import multiprocessing
import shutil
import tempfile
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from shard_files import Noting, batches, data, trainer, write_shards

from audio_inpaint.errors import InputError
from audio_inpaint.training.data.fetching import fetched

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def server(tmp_path):
    """Serves shards for training and validation; gives its URL and how often each was asked for."""
    folder, asked = tmp_path / "served", Counter()
    folder.mkdir()
    write_shards(folder)
    write_shards(folder, "validation", 2, 3)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked[self.path] += 1
            super().do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}", asked
        serving.shutdown()


def run(folder, url, epochs=2, **options):
    shards = {name: f"{url}/{name}-{{000000..00000{last}}}.tar" for name, last in (("training", 2), ("validation", 1))}
    fit = trainer(folder, max_epochs=epochs, enable_checkpointing=False)
    model = Noting()
    fit.fit(model, datamodule=data(**shards, **options))
    return model


def test_each_shard_is_fetched_once_by_several_processes(tmp_path, server):
    url, asked = server
    shards = [f"{url}/training-00000{number}.tar" for number in range(3)]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as workers:
        files = list(workers.map(fetched, shards * 2, [tmp_path] * 6))
    assert files[:3] == files[3:]
    assert set(asked.values()) == {1}
    assert [file.read_bytes() for file in files[:3]] == [
        (tmp_path / "served" / shard.rpartition("/")[2]).read_bytes() for shard in shards
    ]


def test_each_shard_is_fetched_once_by_all_streams_and_validations(tmp_path, server, temporary, one_thread):
    url, asked = server
    trained = run(tmp_path, url, streams=8).trained
    assert len(asked) == 5
    assert set(asked.values()) == {1}
    local = batches(str(tmp_path / "served/training-*.tar"), 5, streams=8)
    torch.testing.assert_close(trained[:5], local, rtol=0, atol=0)
    assert not list(temporary.glob("audio_inpaint*"))


def test_fetched_shards_are_kept_for_other_runs_where_wanted(tmp_path, server, temporary, one_thread):
    url, asked = server
    for _ in range(2):
        run(tmp_path, url, 1, cache=str(tmp_path / "kept"))
    assert set(asked.values()) == {1}
    assert len(list((tmp_path / "kept").glob("*.tar"))) == 5
    assert not list(temporary.glob("audio_inpaint*"))


def test_two_processes_of_a_machine_fetch_once(tmp_path, server, temporary, one_thread):
    url, asked = server
    fit = trainer(tmp_path, max_steps=5, devices=2, strategy="ddp_fork", enable_checkpointing=False)
    source = f"{url}/training-{{000000..000002}}.tar"
    fit.fit(Noting(), datamodule=data(source, validation=f"{url}/validation-000000.tar"))
    assert len(asked) == 4
    assert set(asked.values()) == {1}
    assert not list(temporary.glob("audio_inpaint*"))


def test_a_shard_that_is_not_there_is_named_with_what_the_server_said(server):
    url, _ = server
    with pytest.raises(InputError, match=rf"{url}/nothing.tar cannot be fetched: curl: .*404"):
        batches(f"{url}/nothing.tar", 1)


def test_buckets_are_read_by_their_own_client(tmp_path, monkeypatch):
    folder = Path(write_shards(tmp_path)).parent
    client = tmp_path / "aws"
    client.write_text(f'#!/bin/sh\n[ "$1 $2" = "s3 cp" ] && shift 3 && cp "{folder}/${{1##*/}}" "$2"\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    bucket = batches("s3://bucket/of/training-{000000..000002}.tar", 3)
    torch.testing.assert_close(bucket, batches(str(tmp_path / "training-*.tar"), 3), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("shard", "words"),
    [
        ("s3://bucket/a.tar", r"fetched by aws, which is not installed: .* pipe:aws s3 cp s3://bucket/a.tar -"),
        ("https://here/a.tar", r"fetched by curl, which is not installed"),
        ("nowhere://a.tar", r"nowhere://a.tar is none of http, https, .* pipe:COMMAND"),
    ],
)
def test_what_nothing_here_can_fetch_is_refused_before_the_run(tmp_path, monkeypatch, shard, words):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=words):
        data(shard).setup("fit")
