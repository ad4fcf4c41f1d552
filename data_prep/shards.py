"""Turn NSynth, FMA or a folder of audio into shards to train from.

    audio-inpaint-data shards fma fma_small.zip fma_metadata.zip -o shards/fma
    audio-inpaint-data shards nsynth nsynth-train.jsonwav.tar.gz nsynth-valid.jsonwav.tar.gz -o shards/nsynth
    audio-inpaint-data shards folder recordings -o shards/mine

Work that was interrupted continues where it was when the same command is given again.
"""

import argparse
import itertools
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tqdm import tqdm

from audio_inpaint.commands.console import Parser
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.folders import check_folder
from audio_inpaint.files.paths import Paths
from data_prep import fma, folder, nsynth
from data_prep.conversion import Converted, Refused, Target, convert
from data_prep.parallel import available_cores, ordered_map
from data_prep.recording import SPLITS, Split
from data_prep.shard_files import RECORDS, Shard, finished_shards, record, remove_records, write_shards

HOP = 512  # samples between the segments counted (Marafioti et al., 2019, Table 1)
SHARD_MB = 64  # read in a second or so from a network disk, small enough that even NSynth's test split has several
SOURCES = {"fma": fma.splits, "nsynth": nsynth.splits, "folder": folder.splits}


def prepare(
    kind: str, sources: list[Path], out: Path, sample_rate: int = 16000, workers: int = 1, shard_mb: int = SHARD_MB
) -> dict:
    """Write shards and their manifest into the folder `out`, and give the manifest.

    Args:
        kind: a key of `SOURCES`.
        sources: archives or folders.
        out: made where it is missing; holds nothing else.
        sample_rate: Hz of the shards.
        workers: processes; the shards do not depend on it.
        shard_mb: megabytes at which a shard ends.

    Raises:
        InputError: a source is not what `kind` says, nothing in it can be used, or `out` holds other shards.
    """
    paths = Paths()
    for source in sources:
        paths.reads(source, "the source")
    paths.owns(out, "the folder of the shards")
    paths.check()
    for source in sources:
        if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
            raise InputError(f"the folder of the shards {out} lies in the source {source}: name another folder")
    target = target_at(sample_rate)
    splits = SOURCES[kind](sources)
    options = {
        "kind": kind,
        "sources": {split: splits[split].identity for split in SPLITS if split in splits},
        "shard_mb": shard_mb,
        **asdict(target),
    }
    manifest = out / "manifest.json"
    if manifest.is_file():
        return _finished(manifest, options)
    _start(out, options)
    if done := sum(shard.consumed for name in splits for shard in finished_shards(out, name)):
        print(f"audio-inpaint-data shards: goes on after {done} recordings", file=sys.stderr)
    counts = [split.count for split in splits.values()]
    total = None if None in counts else sum(counts)
    with tqdm(total=total, unit=" recordings", desc=kind, disable=None) as bar:
        shards = {
            name: _prepare_split(name, split, out, target, workers, shard_mb, bar) for name, split in splits.items()
        }
    if not any(shard.recordings for written in shards.values() for shard in written):
        reasons = [text for written in shards.values() for shard in written for text in shard.refused.values()]
        remove_records(out)
        why = f", all {len(reasons)} were refused: {counted(reasons)}" if reasons else ""
        raise InputError(f"no usable recording in {', '.join(map(str, sources))}{why}")
    result = {
        "options": options,
        "splits": {split: _summary(written, sample_rate) for split, written in shards.items() if written},
    }
    with replacing(manifest) as temporary:
        temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    remove_records(out)
    return result


def counted(reasons: Sequence[str]) -> str:
    """How often each kind of reason is given, the most frequent first; those of a kind differ in numbers alone.

    >>> counted(["silent", "ends at 1.2 s", "silent", "silent", "ends at 3.4 s"])
    'silent (3), ends at 1.2 s and the like (2)'
    """
    kinds = defaultdict(list)
    for text in reasons:
        kinds[re.sub(r"\d+(\.\d+)?", "", text)].append(text)
    largest = sorted(kinds.values(), key=len, reverse=True)
    return ", ".join(f"{own[0]}{' and the like' if len({*own}) > 1 else ''} ({len(own)})" for own in largest)


def target_at(sample_rate: int) -> Target:
    """What the network of Marafioti et al., 2019, learns from, at a rate in Hz."""
    from audio_inpaint.nn.segment import SILENT, Segment  # imports torch, which the workers need not

    segment = Segment()
    return Target(sample_rate, segment.length, segment.context, segment.gap, HOP, SILENT)


def _start(out: Path, options: dict) -> None:
    """Make the folder and note the options, or see that those noted are the same."""
    noted = out / RECORDS / "options.json"
    if noted.is_file():
        _check_same(record(noted, options), options, out)
        return
    check_folder(out, RECORDS)
    try:
        noted.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be made: {error.strerror}") from error
    with replacing(noted) as temporary:
        temporary.write_text(json.dumps(options), encoding="utf-8")


def _finished(manifest: Path, options: dict) -> dict:
    """Read the manifest of shards that are finished, made with the same options."""
    try:
        done = json.loads(manifest.read_text(encoding="utf-8"))
        noted = dict(done["options"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest} is no manifest of shards: name a new folder") from error
    _check_same(noted, options, manifest.parent)
    return done


def _check_same(noted: dict, options: dict, out: Path) -> None:
    other = [name for name in options if noted.get(name) != options[name]]
    if other:
        raise InputError(f"{out} holds shards made with another {', '.join(other)}: name a new folder or remove it")


def _prepare_split(
    name: str, split: Split, out: Path, target: Target, workers: int, shard_mb: int, bar: tqdm
) -> list[Shard]:
    shards = finished_shards(out, name)
    consumed = sum(shard.consumed for shard in shards)
    bar.update(consumed)
    recordings = itertools.islice(split.recordings, consumed, None)
    results = ordered_map(partial(convert, target=target), recordings, workers)
    for shard in write_shards(_ticked(results, bar), out, name, len(shards), shard_mb * 10**6, split.count):
        shards.append(shard)
    return shards


def _ticked(results: Iterator[Converted | Refused], bar: tqdm) -> Iterator[Converted | Refused]:
    for result in results:
        bar.update()
        yield result


def _summary(shards: list[Shard], sample_rate: int) -> dict:
    named = [shard for shard in shards if shard.name]
    licences = sorted({licence for shard in named for licence in shard.licences})
    return {
        "recordings": sum(shard.recordings for shard in named),
        "hours": round(sum(shard.samples for shard in named) / sample_rate / 3600, 4),
        "segments": sum(shard.segments for shard in named),
        "audible_segments": sum(shard.audible for shard in named),
        "licences": {licence: sum(shard.licences.get(licence, 0) for shard in named) for licence in licences},
        "refused": {key: text for shard in shards for key, text in shard.refused.items()},
        "shards": [
            {"name": shard.name, "recordings": shard.recordings, "bytes": shard.bytes, "sha256": shard.sha256}
            for shard in named
        ],
    }


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, write the shards, print what they hold; returns the exit code."""
    parser = Parser(
        prog="audio-inpaint-data shards", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=SOURCES, help="layout of the sources")
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="published archives, or folders")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="folder for the shards")
    parser.add_argument("--sample-rate", type=int, default=16000, metavar="HZ", help="of the shards (default: 16000)")
    parser.add_argument("--workers", type=int, default=available_cores(), help="processes (default: all cores)")
    parser.add_argument(
        "--shard-size", type=int, default=SHARD_MB, metavar="MB", help=f"size of a shard (default: {SHARD_MB})"
    )
    options = parser.parse_args(arguments)
    try:
        for name in ("sample_rate", "workers", "shard_size"):
            if getattr(options, name) < 1:
                raise InputError(f"--{name.replace('_', '-')} must be at least 1")
        manifest = prepare(
            options.kind, options.sources, options.out, options.sample_rate, options.workers, options.shard_size
        )
    except (InputError, OSError) as error:
        print(f"audio-inpaint-data shards: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("audio-inpaint-data shards: interrupted; the same command continues", file=sys.stderr)
        return 130
    for name, split in manifest["splits"].items():
        print(
            f"{name}: {split['recordings']} recordings, {split['hours']:.2f} h, {split['segments']} segments "
            f"({split['audible_segments']} audible), {len(split['shards'])} shards, {len(split['refused'])} refused"
        )
    if refused := [text for split in manifest["splits"].values() for text in split["refused"].values()]:
        print(f"refused: {counted(refused)}; {options.out / 'manifest.json'} names the files")
    return 0
