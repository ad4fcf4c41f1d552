"""Hostile lists of gaps, configs, archives, records and checkpoints."""

import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

NUMBERS = (
    "0", "0.1", "0.2", "0.15", "-1", "1e9", "1e999", "nan", "inf", "-0", "0,5", "1_000", "0x10", "", " ", "١", "9" * 400,
    "1e-400", "0.1.2", "5:", "+.5",
)  # fmt: skip
WORDS = ("gap", "accept", "reject ch2", "check: x", "ch0", "ch999999999", "zeros 0.99", "\0", "\x85", "ü" * 300, '"', "=1+1")


def _labels(chance: random.Random) -> bytes:
    rows = [
        chance.choice(["\t", "\t", ",", ";", " "]).join(
            [chance.choice(NUMBERS), chance.choice(NUMBERS), chance.choice(WORDS)][: chance.choice([3, 3, 2, 1])]
        )
        for _ in range(chance.randrange(1, 6))
    ]
    text = chance.choice(["\n", "\n", "\r\n", "\r"]).join(rows)
    return (chance.choice(["", "", "﻿"]) + text + chance.choice(["", "\n"])).encode(chance.choice(["utf-8", "utf-16"]))


def _table(chance: random.Random) -> bytes:
    heads = ["start,end", "start,end,channel,text", "Start;End", "#,Name,Start,End,Length", "Name\tStart\tDuration\tType"]
    rows = [",".join(chance.choice(NUMBERS + WORDS) for _ in range(chance.randrange(6))) for _ in range(3)]
    return "\n".join([chance.choice(heads), *rows]).encode()


def _json(chance: random.Random) -> bytes:
    def value(depth: int) -> object:
        kinds: list[Callable[[], object]] = [
            lambda: None, lambda: chance.choice(NUMBERS), lambda: 10**30, lambda: -1.5, lambda: True,
            lambda: [value(depth - 1) for _ in range(3)] if depth else [],
            lambda: {name: value(depth - 1) for name in chance.sample(names, 3)} if depth else {},
        ]  # fmt: skip
        return chance.choice(kinds)()

    names = ["spans", "start", "end", "stop", "gaps", "unrepaired", "channel", "file", "sample_rate", "label", "damage"]
    if chance.random() < 0.2:
        return b"[" * 100_000
    return json.dumps(value(4)).encode()[: chance.choice([None, None, 40])]


def make_list(folder: Path, stem: str, chance: random.Random) -> Path:
    """Write a list of gaps in some form."""
    make = chance.choice([_labels, _labels, _table, _json, lambda one: one.randbytes(500), lambda _: b""])
    path = folder / f"{stem}{chance.choice(['.txt', '.csv', '.json', '.tsv'])}"
    path.write_bytes(make(chance))
    return path


_YAML = (
    "a: &a [*a]\n", "model: &m {class_path: *m}\n", "trainer: &t\n  default_root_dir: *t\n", "[" * 5000,
    "a: " + "{b: " * 3000, "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(9)),
    "!!python/object/apply:os.system [exit]\n", "\0\1\2", "model: 3\n", "trainer:\n  max_steps: 1e400\n", "- 1\n", "a: b: c",
    "base: base\n", "base: [1]\n", "model:\n  class_path: os.system\n", "model:\n  class_path: lightning.Trainer\n",
    "data:\n  class_path: audio_inpaint.training.data.shards.Shards\n  init_args: {batch_size: 0}\n", "? [1]\n: 2\n",
    "seed_everything: 99999999999999999999\n", "trainer: {devices: -3}\n", "trainer: {logger: {class_path: nowhere.X}}\n",
    "%YAML 9.9\n---\n", "2020-01-01: 1\n", "model: !!binary aGk=\n", "x: " + "9" * 5000 + "\n",
)  # fmt: skip


def make_config(folder: Path, stem: str, chance: random.Random) -> Path:
    """Write a config of a training that cannot be one."""
    path = folder / f"{stem}.yaml"
    path.write_bytes(chance.choice([*(text.encode() for text in _YAML), chance.randbytes(200)]))
    return path


def make_archive(folder: Path, stem: str, chance: random.Random, sounds: list[Path]) -> Path:
    """Write an archive with members that lie outside, are no files, or are damaged."""
    content = [(path.name, path.read_bytes()) for path in chance.sample(sounds, min(4, len(sounds)))]
    names = ["../x.wav", "/x.wav", "fma_metadata/tracks.csv", "nsynth-train/examples.json", "a/../../x.wav", "ü.wav"]
    content += [(chance.choice(names), chance.randbytes(300)) for _ in range(2)]
    file, zipped = io.BytesIO(), chance.random() < 0.5
    if zipped:
        with zipfile.ZipFile(file, "w", chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_LZMA])) as archive:
            for name, data in content:
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, data in content:
                member = tarfile.TarInfo(name)
                member.size, member.type = len(data), chance.choice([tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE])
                archive.addfile(member, io.BytesIO(data))
    path = folder / f"{stem}{'.zip' if zipped else '.tar.gz'}"
    path.write_bytes(file.getvalue())
    return path


def make_checkpoint(folder: Path, stem: str, chance: random.Random, whole: dict) -> Path:
    """Write a checkpoint in which something is of another kind than it should be."""
    import torch

    odd = [None, 0, -1, float("nan"), 10**12, "x", [], {}, torch.zeros(2), torch.full((1,), float("nan"))]
    content = {**whole, "hyper_parameters": {**whole["hyper_parameters"]}, "state_dict": {**whole["state_dict"]}}
    place = chance.choice([content, content["hyper_parameters"], content["hyper_parameters"], content["state_dict"]])
    place[chance.choice(sorted(place))] = chance.choice(odd)
    path = folder / f"{stem}.ckpt"
    torch.save(chance.choice([content, content, content, chance.choice(odd)]), path)
    return path


def make_shards(folder: Path, stem: str, chance: random.Random) -> Path:
    """Make a folder of shards with a manifest and records that say nonsense."""
    path = folder / stem
    (path / ".progress").mkdir(parents=True)
    odd = ["", "{", "[]", "null", "{}", '{"splits": 3}', "[" * 5000, '{"options": {}, "splits": {}}', "\0", '{"consumed": -1}']
    (path / ".progress" / "options.json").write_text(chance.choice(odd))
    (path / ".progress" / "training-000000.json").write_text(chance.choice(odd))
    if chance.random() < 0.5:
        (path / "manifest.json").write_text(chance.choice(odd))
    return path
