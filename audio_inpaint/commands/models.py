"""The commands `audio-inpaint models` and `ship`: trained networks as files."""

import argparse
from collections.abc import Mapping
from pathlib import Path

SHIP_NOTES = """\
Weights go to half precision, and what only training needs is left out. Describe it in a card of the same
name that ends in .md; its title is what `models` lists.

example:
  audio-inpaint ship runs/ce_music_small/checkpoints/best.ckpt -o checkpoints/ce_music.pt
"""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands to those of `audio-inpaint`; nothing heavy is imported before they run."""
    models = commands.add_parser("models", help="list the trained networks that come with the package")
    models.set_defaults(run=_models)
    ship = commands.add_parser(
        "ship",
        help="export a trained checkpoint as a small file",
        description="Write a checkpoint of a training as a small file to hand on.",
        epilog=SHIP_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ship.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="the file that `fit` wrote")
    ship.add_argument("-o", "--output", required=True, metavar="FILE", type=Path, help="the file to write, *.pt")
    ship.add_argument(
        "--network", metavar="FILE.py:CLASS", help="of a network from outside the package, whose code is run: the class"
    )
    ship.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    ship.set_defaults(run=_ship)


def _models(_: argparse.Namespace) -> int:
    from audio_inpaint.nn.checkpoints import names

    print_names(names(parts=True))
    return 0


def _ship(arguments: argparse.Namespace) -> int:
    from audio_inpaint.files.paths import Paths
    from audio_inpaint.methods.foreign import network_class
    from audio_inpaint.nn.checkpoints import ship

    paths = Paths()
    paths.reads(arguments.checkpoint, "the checkpoint")
    paths.writes_no_audio(arguments.output, "the output", (".pt",))
    paths.check(arguments.overwrite)
    ship(arguments.checkpoint, arguments.output, network_class(arguments.network))
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")
    return 0


def print_names(known: Mapping[str, str]) -> None:
    """Print names and what they mean, one a line."""
    width = max(map(len, known), default=0)
    for name, description in known.items():
        print(f"{name:{width}}  {description}")
