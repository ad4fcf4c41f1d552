"""The command `audio-inpaint revert`: the damaged original of a repaired file, bit for bit."""

import argparse
from pathlib import Path

NOTES = """\
`inpaint --keep-original` leaves a small file beside its output, fixed.wav.original for fixed.wav, with what the fills
replaced. The original comes back bit for bit; its SHA-256 sum is checked. A repaired file that was changed since is
refused.

example:
  audio-inpaint revert fixed.wav -o damaged_again.wav
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of `audio-inpaint`; nothing heavy is imported before it runs."""
    parser = commands.add_parser(
        "revert",
        help="bring back the original of a repaired file",
        description="Write the file that was repaired with --keep-original as it was before.",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("repaired", metavar="FILE", type=Path, help="the repaired file")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", type=Path, help="the file to write")
    parser.add_argument("--from", dest="difference", metavar="KEPT", type=Path, help="default FILE.original")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from audio_inpaint.files.difference import difference_of, revert
    from audio_inpaint.files.paths import Paths

    difference = arguments.difference or difference_of(arguments.repaired)
    paths = Paths()
    paths.reads(arguments.repaired, "the repaired file")
    paths.reads(difference, "the difference file")
    paths.writes(arguments.output, "the output")
    paths.check(arguments.overwrite)
    found = revert(arguments.repaired, difference, arguments.output)
    print(f"{arguments.output}: the original of {arguments.repaired}, sha256 {found}")
    return 0
