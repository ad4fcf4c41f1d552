"""`python -m audio_inpaint.train fit|validate|test|predict|deep_prior -c CONFIG`: the entry of all training."""

import sys

from audio_inpaint.training.cli import main

if __name__ == "__main__":
    sys.exit(main())
