"""Random command lines, and what each may do."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from . import sounds, texts

METHODS = ("silence",) * 6 + ("janssen",) * 3 + ("burg", "burg", "transplant", "sga", "recall", "nothing", "janssen:order=-1")
ODD_METHODS = ("janssen:iterations=1e9", "burg:order", "silence:", ":", "a.py:B", "os:system", "last", "janssen:order=99999", "")


@dataclass
class World:
    """A folder `in` of given files; `out` and `tmp` are emptied after every line.

    Attributes:
        root: the folder.
        sounds: files of sound, most of them whole.
        lists: of gaps.
        others: archives, configs, checkpoints, folders of shards by their kind.
    """

    root: Path
    sounds: list[Path] = field(default_factory=list)
    lists: list[Path] = field(default_factory=list)
    others: dict[str, list[Path]] = field(default_factory=dict)


@dataclass
class Line:
    """A command line.

    Attributes:
        program: audio-inpaint, audio-inpaint-data or train.
        arguments: of it.
        repaired: (input, output, gaps in samples) where known samples can be compared.
        single: whether a failure must leave nothing in `out`.
    """

    program: str
    arguments: list[str]
    repaired: tuple[str, str, list[tuple[int, int]]] | None = None
    single: bool = False


def make_world(root: Path, chance: random.Random, checkpoint: dict) -> World:
    """Make the given files."""
    world = World(root)
    for name in ("in", "in/folder", "out", "tmp"):
        (root / name).mkdir(parents=True)
    for number in range(12):
        path = sounds.make_sound(root / chance.choice(["in", "in/folder"]), f"s{number}", chance)
        if chance.random() < 0.4:
            path.write_bytes(sounds.harmed(path.read_bytes(), chance))
        if chance.random() < 0.05:
            path = path.rename(path.with_suffix(chance.choice([".mp3", ".flac", ".m4a", ".WAV", ".xyz", ".opus"])))
        world.sounds.append(path)
    if media := sounds.make_media(root / "in", "media", chance):
        world.sounds.append(media)
    world.lists = [texts.make_list(root / "in", f"list{number}", chance) for number in range(6)]
    world.others = {
        "archive": [texts.make_archive(root / "in", f"a{number}", chance, world.sounds) for number in range(2)],
        "config": [texts.make_config(root / "in", f"c{number}", chance) for number in range(4)],
        "checkpoint": [texts.make_checkpoint(root / "in", f"n{number}", chance, checkpoint) for number in range(2)],
        "shards": [texts.make_shards(root / "in", f"shards{number}", chance) for number in range(2)],
    }
    spoilt = root / "in" / "spoilt.ckpt"
    spoilt.write_bytes(sounds.harmed(world.others["checkpoint"][0].read_bytes(), chance))
    world.others["checkpoint"].append(spoilt)
    return world


def random_line(world: World, chance: random.Random) -> Line:
    """Draw a command line for a world, whose folder it is run in."""
    kind = chance.choices(
        ["inpaint", "folder", "detect", "odd", "data", "train", "models", "revert", "benchmark"],
        [40, 10, 15, 8, 8, 6, 5, 4, 1],
    )[0]
    return {
        "inpaint": _inpaint, "folder": _folder, "detect": _detect, "odd": _odd, "data": _data, "train": _train,
        "models": _models, "revert": _revert, "benchmark": _benchmark,
    }[kind](world, chance)  # fmt: skip


def _name(path: Path, world: World) -> str:
    return str(path.relative_to(world.root))


def _search(chance: random.Random) -> list[str]:
    options = {
        "--kinds": ["zeros", "held,nan", "clicks,bursts", "all", "zeros,,"], "--preset": ["tape", "vinyl", "voip", "x"],
        "--sensitivity": ["0.9", "clicks=0.1", "nan", "2", "x=1"], "--min-ms": ["0", "nan", "-1", "1e9"],
        "--max-ms": ["10", "0", "inf"], "--min-confidence": ["0", "1", "nan", "7"],
    }  # fmt: skip
    chosen = chance.sample(sorted(options), chance.choice([0, 0, 1, 2]))
    return [word for name in chosen for word in (name, chance.choice(options[name]))]


def _inpaint(world: World, chance: random.Random) -> Line:
    source = chance.choice(world.sounds)
    suffix = source.suffix if chance.random() < 0.6 else chance.choice(sounds.KINDS)[0]
    output = f"out/o{suffix}"
    method = chance.choice(METHODS)
    if chance.random() < 0.08:
        method = chance.choice([*ODD_METHODS, *(_name(path, world) for path in world.others["checkpoint"])])
    line = ["inpaint", _name(source, world), "-o", output, "--method", method]
    gaps = None
    if (draw := chance.random()) < 0.6:
        starts = sorted(chance.randrange(8000) for _ in range(chance.choice([1, 1, 2, 5])))
        gaps = [(start, start + chance.choice([1, 20, 200, 200, 3000])) for start in starts]
        line += ["--gaps", ",".join(f"{start}:{stop}" for start, stop in gaps)]
    elif draw < 0.85:
        line += ["--gaps", _name(chance.choice([*world.lists, *world.sounds]), world)]
    else:
        line += _search(chance)
    extras = [["--report"], ["--labels", "out/l.txt"], ["--labels", "out/l.csv"], ["--log"], ["--keep-original"],
              ["--pad", "1ms"], ["--max-gap", "50ms"], ["--snap"], ["--dry-run"], ["--overwrite"], ["--skip-existing"],
              ["--reference", _name(chance.choice(world.sounds), world)], ["--natural", chance.choice(["0", "1", "nan"])],
              ["--truth", _name(chance.choice(world.sounds), world), "--report"], ["--device", "cpu"],
              ["--accept", _name(chance.choice(world.lists), world)]]  # fmt: skip
    picked = [word for words in chance.sample(extras, chance.choice([0, 0, 0, 1, 2])) for word in words]
    compared = gaps and not {"--pad", "--snap", "--dry-run", "--accept"} & set(picked)
    repaired = (_name(source, world), output, gaps) if compared else None
    return Line("audio-inpaint", line + picked, repaired, single=True)


def _folder(world: World, chance: random.Random) -> Line:
    names = chance.choice([["in"], ["in/folder"], ["in", "in/folder"], [_name(path, world) for path in world.sounds[:4]]])
    line = ["inpaint", *names, "-o", "out/r", "--method", chance.choice(METHODS[:9])]
    extras = [["--recursive"], ["--suffix", "_r"], ["--labels", "out/l"], ["--report"], ["--gaps", "100:200"],
              ["--gaps", "in"], ["--log"], ["--skip-existing"], ["--kinds", "zeros"]]  # fmt: skip
    return Line("audio-inpaint", line + [word for words in chance.sample(extras, chance.randrange(4)) for word in words])


def _detect(world: World, chance: random.Random) -> Line:
    names = [_name(path, world) for path in chance.sample(world.sounds, chance.choice([1, 1, 3]))]
    line = ["detect", *chance.choice([names, names, ["in"], ["in", "--recursive"]]), *_search(chance)]
    return Line("audio-inpaint", line + chance.choice([[], ["-o", "out/d.csv"], ["-o", "out/d.txt"], ["--json"]]))


def _odd(world: World, chance: random.Random) -> Line:
    """Words of a command line in any order, outputs over inputs among them."""
    own = _name(chance.choice(world.sounds), world)
    words = ["inpaint", "detect", own, "-o", own, "--overwrite", "--gaps", "1:9", "--report-to", "", "-", "--", "\0", "in",
             "out", "out/x.wav", "--labels", "--help", "--version", "benchmark", "-o", "--method", "é", "\udcff", "x" * 300]  # fmt: skip
    if chance.random() < 0.5:
        targets = [own, f"./{own}", f"in/../{own}"]
        return Line("audio-inpaint", ["inpaint", own, "-o", chance.choice(targets), "--gaps", "5:9", "--overwrite"])
    return Line("audio-inpaint", chance.choices(words, k=chance.randrange(1, 8)))


def _data(world: World, chance: random.Random) -> Line:
    archives, shards = world.others["archive"], world.others["shards"]
    given = [_name(path, world) for path in chance.choices([*archives, *shards, world.root / "in"], k=chance.choice([1, 2]))]
    out = chance.choice(["out/s", "out/s", _name(chance.choice(shards), world) + "/../../out/s"])
    workers = ["--workers", "1"]
    return chance.choice(
        [
            Line("audio-inpaint-data", ["shards", chance.choice(["fma", "nsynth", "folder"]), *given, "-o", out, *workers]),
            Line("audio-inpaint-data", ["shards", "folder", "in", "-o", out, *workers]),
            Line("audio-inpaint-data", ["shards", "folder", "in/folder", "-o", _name(shards[0], world), *workers]),
            Line("audio-inpaint-data", ["verify", _name(chance.choice(shards), world)]),
        ]
    )


def _train(world: World, chance: random.Random) -> Line:
    config = _name(chance.choice(world.others["config"]), world)
    network = _name(chance.choice(world.others["checkpoint"]), world)
    folder = "--trainer.default_root_dir=out/run"
    return Line(
        "train",
        [
            chance.choice(["fit", "test", "deep_prior", "validate"]), "-c", config, folder,
            *chance.choice([[], [f"--init_from={network}"], [f"--ckpt_path={network}"], ["-c", "ce_music_small.yaml"], ["--x=1"]]),
        ],
    )  # fmt: skip


def _models(world: World, chance: random.Random) -> Line:
    network = _name(chance.choice(world.others["checkpoint"]), world)
    lines = [["models"], ["methods"], ["ship", network, "-o", "out/n.pt"], ["ship", network, "-o", network, "--overwrite"]]
    return Line("audio-inpaint", chance.choice(lines))


def _revert(world: World, chance: random.Random) -> Line:
    return Line("audio-inpaint", ["revert", _name(chance.choice(world.sounds), world), "-o", "out/back.wav"], single=True)


def _benchmark(world: World, chance: random.Random) -> Line:
    line = ["benchmark", chance.choice(["in", "in/folder"]), "-o", "out/b", "--methods", "silence"]
    return Line("audio-inpaint", [*line, *chance.choice([[], ["--lengths", "nan"], ["--seconds", "0"], ["--methods", "x"]])])
