"""Repaired sound in a file of ffmpeg's, at the very time at which it was in the input.

Encoders and decoders delay what they get or swallow its beginning, and not every container says by how much. So noise
is written first, in the same way; what is found when it is read again is made up for.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import correlate

from audio_inpaint.files.atomic import temporary_folder
from audio_inpaint.files.media import ffmpeg, file_name

_CLOCK = 0.002  # seconds: containers round times to 1 ms
_SILENT = 1e-3


def remuxed(source: Path, wav: Path, output: Path, arguments: Sequence[str]) -> list[str]:
    """Write a file with repaired sound, and with everything else of the source if it is such a file too.

    Args:
        source: the input, whose other streams, tags and chapters are copied.
        wav: the repaired sound.
        output: the file.
        arguments: as `files.media.encoding` has them.

    Returns:
        Lines that the user should read about sound that is not where it was.

    Raises:
        InputError: ffmpeg cannot write this.
    """
    beside = any(word.startswith("0:") for word in arguments)
    start = first_sound(source) if beside else 0.0
    with soundfile.SoundFile(wav) as file:
        rate, channels = file.samplerate, file.channels
        late, offset, notes = 0, start, []
        off, begin = _tried(source, output, arguments, rate, channels, start, late, offset)
        wrong = begin - start if beside else 0.0
        if off or abs(wrong) > _CLOCK:
            late, offset = off if off < file.frames else 0, start - wrong if abs(wrong) > _CLOCK else start
            off, begin = _tried(source, output, arguments, rate, channels, start, late, offset)
            wrong = begin - start if beside else 0.0
        if late > 0 and bool((np.abs(file.read(late, always_2d=True)) > _SILENT).any()):
            notes.append(f"the first {1000 * late / rate:.1f} ms of the sound are lost in {output.suffix[1:]}")
    if abs(wrong + off / rate) > _CLOCK:
        way = "later" if wrong + off / rate > 0 else "earlier"
        notes.append(f"the sound comes {1000 * abs(wrong + off / rate):.0f} ms {way} in {output.suffix[1:]}")
    sound = ["-i", file_name(source), "-i", str(wav)]
    ffmpeg([*sound, *arguments, *_placed(late, offset), str(output)], source)
    return notes


def first_sound(path: Path) -> float:
    """Return when the first sound of a file that can be heard begins, in seconds from the beginning of the file."""
    command = ["ffprobe", "-v", "error", "-select_streams", "a:0", "-read_intervals", "%+#20", "-of", "json"]
    shown = ["-show_entries", "frame=best_effort_timestamp_time:format=start_time", file_name(path)]
    done = subprocess.run([*command, *shown], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    try:
        said = json.loads(done.stdout)
        return float(said["frames"][0]["best_effort_timestamp_time"]) - float(said["format"].get("start_time", 0))
    except (ValueError, LookupError):  # no times in the file
        return 0.0


def _placed(late: int, offset: float) -> list[str]:
    """Return the arguments by which `late` samples are cut or, below 0, put before the sound, and it is moved."""
    if not late and not offset:
        return []
    steps = [f"atrim=start_sample={late}"] if late > 0 else [f"adelay={-late}S:all=1"] if late else []
    return ["-filter:a:0", ",".join([*steps, f"asetpts=(N/SR+{offset:.6f})/TB"])]


def _tried(
    source: Path,
    output: Path,
    arguments: Sequence[str],
    rate: int,
    channels: int,
    start: float,
    late: int,
    offset: float,
) -> tuple[int, float]:
    """Write noise instead of the sound, and read it: by how many samples it comes late, and when it begins (s)."""
    noise = np.convolve(np.random.default_rng(0).normal(0, 0.1, rate), [0.25, 0.5, 0.25], "same")
    with temporary_folder() as folder:
        wav, made, heard = folder / "noise.wav", folder / f"made{output.suffix}", folder / "heard.wav"
        soundfile.write(wav, np.repeat(noise[:, None], channels, 1), rate, "FLOAT")
        length = ["-t", f"{max(start, 0) + 1.5:.3f}"]  # of the rest, the noise is shorter
        sound = ["-i", file_name(source), "-i", str(wav)]
        ffmpeg([*sound, *arguments, *_placed(late, offset), *length, str(made)], source)
        ffmpeg(["-i", str(made), "-map", "0:a:0", "-ar", str(rate), "-c:a", "pcm_f32le", str(heard)], source)
        found = soundfile.read(heard, always_2d=True)[0][:, 0]
        alike = correlate(found, noise, "full", "fft")
        best = int(alike.argmax())
        sure = alike[best] > 0.3 * np.linalg.norm(found) * np.linalg.norm(noise)
        return (best - len(noise) + 1 if sure else 0), first_sound(made)
