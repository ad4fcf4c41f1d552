"""G.722, the telephone codec of Asterisk's recordings, which libsndfile does not read and ffmpeg does."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from data_prep.limits import Unusable

SUFFIX = ".g722"


def as_wav(paths: Sequence[Path]) -> list[bytes]:
    """Decode G.722 files to WAV files by one run of ffmpeg, whose start takes longer than an utterance.

    Raises:
        Unusable: ffmpeg cannot read one of them.
    """
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    with tempfile.TemporaryDirectory() as folder:
        decoded = [Path(folder, f"{number}.wav") for number in range(len(paths))]
        for path in paths:
            command += ["-f", "g722", "-i", str(path.absolute())]
        for number, path in enumerate(decoded):
            command += ["-map", str(number), str(path)]
        result = subprocess.run(command, capture_output=True, check=False)
        if result.returncode or not all(path.is_file() for path in decoded):
            lines = result.stderr.decode(errors="replace").splitlines() or ["no reason given"]
            raise Unusable(f"ffmpeg cannot read {', '.join(path.name for path in paths)}: {lines[-1].strip()}")
        return [path.read_bytes() for path in decoded]
