"""`python -m audio_inpaint` is the `audio-inpaint` command."""

import sys

from audio_inpaint.cli import main

if __name__ == "__main__":
    sys.exit(main())
