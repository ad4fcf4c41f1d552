"""The command `audio-inpaint-data`: it builds corpora and shards, each command with its own options."""

import sys
from collections.abc import Sequence
from importlib import import_module

_COMMANDS = {
    "shards": ("data_prep.shards", "turn FMA, NSynth or a folder of audio into shards to train from"),
    "verify": ("data_prep.verify", "compare shards with the sums that were taken when they were made"),
    "open-corpus": ("data_prep.open_corpus", "build a corpus of freely licensed recordings from Debian packages"),
    "fills": ("data_prep.fills", "fill gaps in recordings, for a refiner to learn from"),
    "demo-clips": ("data_prep.demo_clips", "make the demonstration's recordings from Debian packages"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; returns the exit code, 2 for an error you can fix, 130 after Ctrl-C."""
    name, *rest = [*(sys.argv[1:] if arguments is None else arguments)] or ["--help"]
    if name in ("-h", "--help"):
        print("usage: audio-inpaint-data COMMAND ...\n")
        print(*(f"  {command:12} {description}" for command, (_, description) in _COMMANDS.items()), sep="\n")
        return 0
    if name not in _COMMANDS:
        print(f"audio-inpaint-data: error: {name!r} is not one of: {', '.join(_COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return import_module(_COMMANDS[name][0]).main(rest)
    except KeyboardInterrupt:
        print(f"audio-inpaint-data {name}: interrupted", file=sys.stderr)
        return 130
