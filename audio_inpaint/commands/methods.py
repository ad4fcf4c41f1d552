"""The command `audio-inpaint methods`: what can restore, one line each."""

import argparse
import sys

from audio_inpaint.commands.models import print_names


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of `audio-inpaint`; nothing heavy is imported before it runs."""
    commands.add_parser("methods", help="list the restoration methods").set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from audio_inpaint.methods.registry import names, passed_over

    print_names(names())
    for name, reason in passed_over().items():
        print(f"audio-inpaint: passed over the entry point {name} = {reason}", file=sys.stderr)
    return 0
