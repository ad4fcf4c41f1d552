"""The names of the deep priors, apart from what imports torch."""

from audio_inpaint.files.configs import FOLDER
from audio_inpaint.files.shipped import title


def presets() -> dict[str, str]:
    """Name the deep-prior configs and describe each by the first line of its file."""
    return {path.stem: title(path) for path in sorted(FOLDER.glob("dpai*.yaml"))}
