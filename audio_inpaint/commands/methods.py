"""The command `audio-inpaint methods`: what can restore, one line each."""

import argparse

from audio_inpaint.commands.models import print_names


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of `audio-inpaint`; nothing heavy is imported before it runs."""
    commands.add_parser("methods", help="list the restoration methods").set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from audio_inpaint.methods.registry import names

    print_names(names())
    return 0
