"""`python -m audio_inpaint.train fit|validate|test|predict|deep_prior -c CONFIG`: the entry of all training."""

import sys

from audio_inpaint.errors import InputError
from audio_inpaint.extras import needed


def main() -> int:
    """Run the command line of training; returns the exit code, 2 where a package is missing, 130 after Ctrl-C."""
    try:
        with needed():
            from audio_inpaint.training.cli import main as train
    except InputError as error:
        print(f"audio_inpaint.train: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("audio_inpaint.train: interrupted", file=sys.stderr)
        return 130
    return train()


if __name__ == "__main__":
    sys.exit(main())
