"""Compare shards with the sizes and sha256 sums in their manifest.json, as after a copy to another machine."""

import hashlib
import json
import sys
from pathlib import Path

from tqdm import tqdm

from audio_inpaint.commands.console import Parser
from audio_inpaint.errors import InputError

_BLOCK = 1 << 20


def problems(folder: Path) -> tuple[dict[str, str], int]:
    """What is wrong with the shards of a folder, by name, and how many there should be.

    Raises:
        InputError: there is no manifest, or no shards' one.
    """
    path = folder / "manifest.json"
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))["splits"].values()
        shards = {
            str(shard["name"]): (int(shard["bytes"]), shard["sha256"]) for split in splits for shard in split["shards"]
        }
    except FileNotFoundError as error:
        raise InputError(
            f"there is no {path}: name a folder of `audio-inpaint-data shards`, which has ended"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no manifest of shards: copy it again") from error
    found = {shard.name: "is not in the manifest" for shard in folder.glob("*.tar") if shard.name not in shards}
    with tqdm(total=sum(size for size, _ in shards.values()), unit="B", unit_scale=True, disable=None) as bar:
        for name, (size, digest) in shards.items():
            if wrong := _wrong(folder / name, size, digest, bar):
                found[name] = wrong
    return found, len(shards)


def _wrong(path: Path, size: int, digest: str, bar: tqdm) -> str | None:
    try:
        if path.stat().st_size != size:
            return f"has {path.stat().st_size} bytes, the manifest says {size}"
        computed = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                computed.update(block)
                bar.update(len(block))
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if computed.hexdigest() == digest else "has another sha256 sum than the manifest says"


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and verify folders; returns the exit code, 2 where a shard is not what it should be."""
    parser = Parser(prog="audio-inpaint-data verify", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of shards and their manifest.json")
    wrong = 0
    for folder in parser.parse_args(arguments).folders:
        try:
            found, count = problems(folder)
            for name, text in sorted(found.items()):
                print(f"{folder / name} {text}", file=sys.stderr)
            if found:
                raise InputError(
                    f"{len(found)} of the shards in {folder} are not those that were made: copy them again, or remove "
                    "the folder and make it again"
                )
            print(f"{folder}: {count} shards are as they were made")
        except InputError as error:
            print(f"audio-inpaint-data verify: error: {error}", file=sys.stderr)
            wrong = 2
    return wrong


if __name__ == "__main__":
    sys.exit(main())
