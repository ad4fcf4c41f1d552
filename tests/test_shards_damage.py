"""What is wrong with shards is told in one line, in whatever process it is found."""

import io
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from shard_files import SEGMENT, Noting, batches, data, flac, recording, write_shards

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.cli import main


@pytest.fixture
def training(tmp_path):
    return write_shards(tmp_path)


@pytest.fixture
def second(tmp_path, training):
    return tmp_path / "training-000001.tar"


def rewrite(path, change):
    """Write a shard anew, each file as `change(name, data)` gives it; none for a file that is left out."""
    with tarfile.open(path) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            content = change(name, content)
            if content is not None:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def refused(*parts, workers=0, **options):
    with pytest.raises(InputError) as caught:
        batches(parts[0], 100, steps=100, workers=workers, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-40], "damaged"),
        (lambda data: data[:60] + b"\0" * 30 + data[90:], "damaged"),
        (lambda data: b"", "damaged"),
        (lambda data: None, "has no 00007.flac"),
        (lambda data: flac(recording(7), 8000), "has 8000 Hz, the model takes 16000 Hz"),
        (lambda data: flac(recording(7, 900)), "900"),
        (lambda data: flac(np.stack([recording(7)] * 2, 1)), "mono"),
    ],
)
def test_a_damaged_recording_is_named(training, second, change, words, workers):
    rewrite(second, lambda name, data: change(data) if name == "00007.flac" else data)
    text = refused(training, workers=workers)
    assert words in text
    assert str(second) in text
    assert "00007" in text


@pytest.mark.parametrize(
    ("change", "words"), [(None, "has no 00007.json"), (b"{", "damaged"), (b"[]", "damaged"), (b"{}", "damaged")]
)
def test_damaged_metadata_are_named(training, second, change, words):
    rewrite(second, lambda name, data: change if name == "00007.json" else data)
    for source in (training, f"pipe:cat {second}"):
        text = refused(source)
        assert words in text
        assert "00007" in text


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("suffix", ["flac", "json"])
def test_a_damaged_recording_is_counted_and_passed_over_where_wanted(training, second, suffix, workers):
    rewrite(second, lambda name, data: data[:-40] if name == f"00007.{suffix}" else data)
    rewrite(second, lambda name, data: None if name == "00008.flac" else data)
    options = {"steps": 40, "damaged": "skip", "workers": workers, "buffer": 1, "test": str(second)}
    with pytest.warns(UserWarning, match="so far passed over") as told:
        drawn = torch.cat(batches(training, 40, **options))
    assert len(told) == 2
    assert "passed over 2 damaged recordings" in str(told[-1].message)
    assert {number for number in range(15) if within(drawn, number)} == set(range(15)) - {7, 8}
    module = data(training, **options)
    module.setup("test")
    with pytest.warns(UserWarning, match=r"passed over 2 damaged recordings .*build this shard again"):
        held_out = torch.cat(list(module.test_dataloader()))
    assert {number for number in range(15) if within(held_out, number)} == {5, 6, 9}


def within(segments, number):
    """Whether segments of a recording are among some."""
    whole = torch.from_numpy(recording(number).astype(np.float32)).unfold(0, SEGMENT.length, 10)
    return bool((segments[:, None] == whole).all(-1).any())


def test_where_everything_is_damaged_that_is_the_reason(training, tmp_path):
    for shard in tmp_path.glob("*.tar"):
        rewrite(shard, lambda name, data: data[:-40] if name.endswith("flac") else data)
    module = data(training, test=training, damaged="skip")
    module.setup("test")
    with pytest.warns(UserWarning, match="15 damaged"), pytest.raises(InputError, match=r"hold 0 .*passed over 15"):
        module.test_dataloader()
    assert "passed over 15 damaged recordings" in refused(training, damaged="skip")


@pytest.mark.parametrize("workers", [0, 2])
def test_files_that_belong_to_no_recording_are_counted_and_passed_over(training, second, workers):
    whole = batches(training, 5)
    with tarfile.open(second, "a") as tar:
        for name in ("LICENSE.txt", "README", "._00007.flac", "sub/notes.md"):
            tar.addfile(tarfile.TarInfo(name))
    with pytest.warns(UserWarning, match=r"passed over 4 files that belong to no recording .* in .*-000001.tar"):
        torch.testing.assert_close(batches(training, 5, workers=workers), whole, rtol=0, atol=0)


@pytest.mark.parametrize("left", [0, 100, 5000, None])
def test_a_shard_that_was_cut_short_is_refused_before_the_run(training, second, left):
    content = second.read_bytes()
    second.write_bytes(content[:left] if left is not None else content.rstrip(b"\0"))
    with pytest.raises(InputError, match=rf"{second} is no tar file, or is cut short"):
        data(training).setup("fit")


def test_what_is_no_tar_file_is_refused(tmp_path):
    (tmp_path / "training.tar").write_bytes(bytes(range(256)) * 100 + bytes(1024))
    assert "training.tar cannot be read" in refused(str(tmp_path / "training.tar"))


def test_a_shard_spoilt_in_its_midst_is_refused(training, second):
    with tarfile.open(second) as tar:
        start = tar.getmember("00007.flac").offset
    content = bytearray(second.read_bytes())
    content[start : start + 512] = b"x" * 512
    second.write_bytes(content)
    assert f"{second} is damaged at byte {start}" in refused(training)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false", "cannot be fetched: exit 1"),
        ("head -c 5000 {}", "cannot be read"),
        ("cat {}; echo broken >&2; exit 3", "cannot be fetched: broken (exit 3)"),
    ],
)
def test_a_command_that_fails_is_named(second, command, words):
    command = f"pipe:{command.format(second)}"
    text = refused(command)
    assert command in text
    assert words in text


def test_a_shard_that_vanishes_is_named(training, second):
    module = data(training)
    module.setup("fit")
    second.unlink()
    with pytest.raises(InputError, match=rf"{second} cannot be read: No such file or directory"):
        list(module.train_dataloader())


def test_missing_shards_are_told_with_the_way_to_make_them(tmp_path):
    with pytest.raises(InputError, match=r"no shards match .*nothing-\*.tar: build them with .*init_args.validation"):
        data(write_shards(tmp_path), validation=str(tmp_path / "nothing-*.tar")).setup("fit")
    for stage, name in (("fit", "training"), ("validate", "validation"), ("test", "test")):
        with pytest.raises(InputError, match=f"no shards are given for {name}"):
            data().setup(stage)


def test_recordings_without_a_whole_or_loud_segment_are_refused(tmp_path, monkeypatch):
    write_shards(tmp_path, "short", 2, 3, samples=99)
    monkeypatch.setattr("shard_files.recording", lambda number, samples: np.zeros(samples))
    write_shards(tmp_path, "silent", 2, 3)
    for name in ("short", "silent"):
        source = str(tmp_path / f"{name}-*.tar")
        assert "hold no segment" in refused(source)
        module = data(test=source)
        module.setup("test")
        with pytest.raises(InputError, match="hold 0 segments"):
            module.test_dataloader()


def test_streams_that_cannot_be_shared_out_are_refused(training):
    module = data(training)
    module.trainer = SimpleNamespace(world_size=3)
    with pytest.raises(InputError, match="from 4 streams cannot be shared by 3 processes"):
        module.setup("fit")
    with pytest.raises(InputError, match="9 cannot come from 4 streams"):
        data(training, batch_size=9)
    with pytest.raises(InputError, match=r"init_args\.hop"):
        data(training, hop=0)


def test_the_command_line_names_the_damage_and_ends(tmp_path, training, second, capsys, one_thread):
    config = {
        "model": {"class_path": f"shard_files.{Noting.__name__}"},
        "data": {
            "class_path": "audio_inpaint.training.data.shards.Shards",
            "init_args": {"training": training, "segment": vars(SEGMENT), "workers": 2, "batch_size": 8, "buffer": 2},
        },
        "trainer": {"logger": False, "enable_checkpointing": False, "accelerator": "cpu", "max_epochs": 1},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    rewrite(second, lambda name, data: data[:-30] if name == "00006.flac" else data)
    assert main(["fit", "-c", str(path), f"--trainer.default_root_dir={tmp_path / 'run'}"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("audio_inpaint.train: error: 00006 in")
    assert str(second) in line


def test_segment_sizes_are_asked_for(training):
    module = data(training, segment=None)
    module.trainer = SimpleNamespace(world_size=1, lightning_module=object())
    with pytest.raises(InputError, match=r"init_args\.segment"):
        module.setup("fit")
    assert Segment().length == 5120
