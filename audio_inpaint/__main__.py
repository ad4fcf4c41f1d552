"""`python -m audio_inpaint` and the `audio-inpaint` command."""

import sys


def main() -> int:
    """Run the command line; Ctrl-C ends it also while it is imported."""
    try:
        from audio_inpaint.cli import main as command

        return command()
    except KeyboardInterrupt:
        print("audio-inpaint: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
