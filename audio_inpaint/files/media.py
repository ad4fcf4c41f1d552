"""Audio that libsndfile does not read, and the sound of videos, by ffmpeg where it is installed.

The first audio stream is decoded once, to a temporary WAV file; an output gets the repaired sound in its place, encoded
about as it was, and everything else of the input as it is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import temporary_folder
from audio_inpaint.files.bit_rate import vorbis_quality

SUFFIXES = (
    ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".mkv", ".mka", ".webm", ".avi", ".wma", ".wmv", ".aac", ".ac3", ".ape",
    ".wv", ".tta", ".amr", ".mpc", ".mp2", ".3gp", ".dts", ".eac3", ".flv", ".f4v", ".rm", ".ra", ".spx", ".ts", ".mts",
    ".m2ts", ".mpg", ".mpeg", ".vob", ".ogv", ".mxf", ".dsf", ".dff", ".shn", ".tak",
)  # fmt: skip
UNWRITTEN = (".ape", ".mpc", ".dts", ".ra", ".dsf", ".dff", ".shn", ".tak")  # of these it has no encoder
MEDIA = "FFMPEG"  # the format of such files, beside libsndfile's names
_INSTEAD = "name an output ending in .wav or .m4a with -o"
# Bit/s of what has no rate of its own, for each channel.
_RATE = 128_000
# What encoders of no constant rate are asked for, to take as much again as the input: measured on music and speech.
_ASKED = {"vorbis": 1.3, "opus": 0.87}
# Of these Vorbis is ffmpeg's own choice, whose rates have narrow limits; its qualities have none.
_VORBIS = (".mka", ".mkv")
# What ffmpeg can encode of what it decodes; others get the container's own choice.
_ENCODERS = {
    "aac": "aac", "ac3": "ac3", "eac3": "eac3", "alac": "alac", "flac": "flac", "mp2": "mp2", "mp3": "libmp3lame",
    "opus": "libopus", "vorbis": "libvorbis", "wmav1": "wmav2", "wmav2": "wmav2", "tta": "tta", "wavpack": "wavpack",
    "speex": "libspeex",
}  # fmt: skip
_STREAMS = {"audio": "a further sound", "subtitle": "the subtitles"}
_LOSSLESS = ("alac", "flac", "tta", "wavpack", "pcm_")
_VIDEOS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".3gp", ".flv", ".f4v", ".rm", ".ts", ".mts", ".m2ts",
    ".mpg", ".mpeg", ".vob", ".ogv", ".mxf",
)  # the others are of sound by their names  # fmt: skip
_RAW = (
    ".aac",
    ".ac3",
    ".mp2",
    ".amr",
    ".mpc",
    ".avi",
    ".dts",
    ".eac3",
    ".ts",
    ".mts",
    ".m2ts",
    ".mpg",
    ".mpeg",
    ".vob",
)  # they say no duration, or one that ffmpeg guesses
_COPIED = ("video", "audio", "subtitle", "attachment")
# What is missing, from 20 ms on, by the times that a container states, is silent: what follows keeps its place.
_IN_TIME = "aresample=async=1:min_hard_comp=0.02"
_ERROR, _ADDRESS = re.compile(r"\[(error|fatal|panic)\] "), re.compile(r" @ 0x[0-9a-f]+\]")
_SILENCE = re.compile(r"adding (\d+) audio samples of silence")


def is_media(path: str | Path) -> bool:
    """Whether a file's name is that of a format that ffmpeg reads for us."""
    return Path(path).suffix.lower() in SUFFIXES


def holds_integers(path: Path) -> int | None:
    """Return how many bits the samples have that ffmpeg's encoder for a suffix takes; None if it takes any number."""
    return {".tta": 24, ".mp2": 16, ".amr": 16}.get(path.suffix.lower())


def encodes_floats(source: Path, output: Path) -> bool:
    """Whether what ffmpeg writes to an output is lossless and takes any number, if the sound of the source is so."""
    return output.suffix.lower() in (".wv", source.suffix.lower())


def holds_floats(path: Path) -> bool:
    """Whether the sound of a file of ffmpeg's is lossless and in floating point."""
    own = _first_sound(streams(path))
    codec, samples = own["codec_name"], own.get("sample_fmt", "")
    return codec.startswith("pcm_f") or (codec.startswith(_LOSSLESS) and samples.startswith(("flt", "dbl")))


def sample_rate(path: Path) -> int:
    """Return the rate of the sound of a file of ffmpeg's in Hz, 0 if it does not say."""
    return int(_first_sound(streams(path)).get("sample_rate") or 0)


def installed() -> bool:
    """Whether ffmpeg and ffprobe are there."""
    return bool(shutil.which("ffmpeg") and shutil.which("ffprobe"))


class Decoded(NamedTuple):
    """The sound of a file.

    Attributes:
        wav: the temporary file that has it.
        said: what ffmpeg said of the file, line by line.
        promised: seconds that the file claims to last; 0 if it does not say.
        silence: seconds of it that could not be decoded, and are silent.
    """

    wav: Path
    said: list[str]
    promised: float
    silence: float


@contextmanager
def decoded(path: Path) -> Iterator[Decoded]:
    """Decode the first audio stream of a file to a temporary WAV file, which lives as long as the block.

    Raises:
        InputError: ffmpeg is missing, or cannot read the file, or there is no sound in it.
    """
    if not installed():
        raise InputError(
            f"{path} is read by ffmpeg, which is not installed: install it, or convert the file to WAV elsewhere"
        )
    own = _first_sound(streams(path))
    with temporary_folder() as folder:
        wav = folder / "decoded.wav"
        arguments = ["-i", file_name(path), "-map", "0:a:0", "-af", _IN_TIME, "-c:a", "pcm_f32le", "-rf64", "auto"]
        said = ffmpeg([*arguments, str(wav)], path)
        promised = 0.0 if path.suffix.lower() in _RAW or not is_media(path) else _duration(own)
        yield Decoded(wav, said.errors, promised, said.silence / int(own.get("sample_rate") or 1))


def _duration(stream: dict) -> float:
    """Return the seconds that a stream claims to last, 0 if it does not say; Matroska says it in a tag."""
    stated = str(stream.get("duration") or stream.get("tags", {}).get("DURATION") or 0)
    try:
        return sum(60**place * float(part) for place, part in enumerate(reversed(stated.split(":"))))
    except ValueError:
        return 0.0


def streams(path: Path) -> list[dict]:
    """Return what ffprobe says of the streams of a file: codec_type, codec_name, bit_rate and so on.

    Raises:
        InputError: the file cannot be read, or there is no sound in it.
    """
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", file_name(path)]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    try:
        found = json.loads(done.stdout).get("streams", [])
    except ValueError:
        found = []
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(f"{path} cannot be read, by ffmpeg either: {_reason(said)}")
    if not any(one["codec_type"] == "audio" for one in found):
        raise InputError(f"{path} has no sound: name a file with an audio stream")
    return found


def beside_audio(path: Path) -> list[str]:
    """Name the streams of a file that are not its first sound."""
    found = streams(path)
    own = _first_sound(found)
    return list(dict.fromkeys(_spoken(one) for one in found if one is not own))


def _first_sound(found: list[dict]) -> dict:
    return next(one for one in found if one["codec_type"] == "audio")


def _spoken(stream: dict) -> str:
    """Name a stream as people do."""
    if stream.get("disposition", {}).get("attached_pic"):
        return "the picture"
    return _STREAMS.get(stream["codec_type"], f"the {stream['codec_type']}")


def encoding(
    source: Path, output: Path, channels: int, own: bool, seconds: float | None = None
) -> tuple[list[str], list[str], list[str]]:
    """Choose how the repaired sound is written.

    Args:
        source: the input, which need not be such a file.
        output: the file; its suffix names the format.
        channels: of the sound.
        own: whether ffmpeg decodes the source.
        seconds: of the sound, by which the bit rate is measured of a file that does not state it; None for no matter.

    Returns:
        Arguments of ffmpeg, whose first input is the source and whose second one is the sound; a line that the user
        should read about what is encoded anew; and the streams that the output has no room for.

    Raises:
        InputError: ffmpeg is missing, or cannot write this.
    """
    if not installed():
        raise InputError(f"{output.suffix} files are written by ffmpeg, which is not installed: name a .wav output")
    if output.suffix.lower() != source.suffix.lower():
        if output.suffix.lower() in UNWRITTEN:
            raise InputError(f"ffmpeg does not write {output.suffix} files: {_INSTEAD}")
        said = [f"the sound is encoded by ffmpeg ({output.suffix[1:]}), which changes all samples a little"]
        maps, lost = _kept(source, output) if own else (["-map", "1:a:0"], [])
        rate = ["-q:a:0", "8"] if output.suffix.lower() in _VORBIS else ["-b:a:0", str(_RATE * channels)]
        return [*maps, "-map_metadata", "0", *rate], said, lost
    found = streams(source)
    sound = _first_sound(found)
    codec = sound["codec_name"]
    encoder = codec if codec.startswith("pcm_") else _ENCODERS.get(codec)
    if encoder is None:
        raise InputError(f"ffmpeg does not write {codec}: {_INSTEAD}")
    arguments = ["-map_metadata", "0", "-c", "copy", "-c:a:0", encoder]
    for one in found:  # everything in its place
        if one is sound:
            arguments += ["-map", "1:a:0"]
        elif one["codec_type"] in _COPIED:
            arguments += ["-map", f"0:{one['index']}"]
    if not _takes(source, arguments, output):
        raise InputError(f"ffmpeg does not write {codec} into a file ending in {output.suffix}: {_INSTEAD}")
    if language := sound.get("tags", {}).get("language"):
        arguments += ["-metadata:s:a:0", f"language={language}"]
    if codec.startswith(_LOSSLESS):
        return [*arguments, *(["-sample_fmt:a:0", sound["sample_fmt"]] if sound.get("sample_fmt") else [])], [], []
    rate = int(sound.get("bit_rate") or 0) or _measured(source, seconds) or _RATE * channels
    rate = round(rate * _ASKED.get(codec, 1.0))
    said = [f"the sound is encoded anew ({codec}), which changes all samples a little: a .wav output keeps them"]
    if codec == "vorbis":
        quality = vorbis_quality(rate / 1000, int(sound.get("sample_rate") or 44100), channels)
        return [*arguments, "-q:a:0", f"{10 * quality:.2f}"], said, []
    return [*arguments, "-b:a:0", str(int(np.clip(rate, 12_000 * channels, 256_000 * channels)))], said, []


def _measured(path: Path, seconds: float | None) -> int:
    """Return the bit/s of the first sound of a file, by its packets; 0 where they cannot be read."""
    if not seconds:
        return 0
    command = ["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries", "packet=size", "-of", "csv=p=0"]
    done = subprocess.run([*command, file_name(path)], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return round(8 * sum(int(size) for size in re.findall(rb"\d+", done.stdout)) / seconds)


def _kept(source: Path, output: Path) -> tuple[list[str], list[str]]:
    """Find what of a file goes into one of another format as it is.

    Returns:
        Arguments of ffmpeg that put the new sound in the place of the old one, and the names of what has no room.
    """
    found, kept, lost = streams(source), [], []
    own = _first_sound(found)
    for one in found:
        picture = one.get("disposition", {}).get("attached_pic")
        wanted = one is own or (one["codec_type"] in _COPIED and (picture or output.suffix.lower() in _VIDEOS))
        if wanted and (one is own or _takes(source, _maps([own, one], own), output)):
            kept.append(one)
        else:
            lost.append(_spoken(one))
    return _maps(kept, own), list(dict.fromkeys(lost))


def _maps(kept: list[dict], own: dict) -> list[str]:
    """Return ffmpeg's arguments for copies of streams, and for the new sound, which is encoded, instead of the own."""
    arguments, sounds = [], 0
    for one in kept:
        arguments += ["-map", "1:a:0" if one is own else f"0:{one['index']}"]
        sounds += one["codec_type"] == "audio"
    copied = ["v", "s", "t", *(f"a:{number}" for number in range(1, sounds))]
    return arguments + [word for name in copied for word in (f"-c:{name}", "copy")] if len(kept) > 1 else arguments


def _takes(source: Path, maps: list[str], output: Path) -> bool:
    """Try the first moment of some streams of a file in another format, beside silence."""
    with temporary_folder() as folder:
        silence = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo"]
        made = folder / f"tried{output.suffix}"
        try:
            ffmpeg(["-i", file_name(source), *silence, *maps, "-t", "0.1", str(made)], source)
        except InputError:
            return False
    return True


class Said(NamedTuple):
    """What ffmpeg said.

    Attributes:
        errors: each line once.
        silence: samples that it put in the place of what was missing.
    """

    errors: list[str]
    silence: int


def ffmpeg(arguments: list[str], path: Path) -> Said:
    """Run ffmpeg, which overwrites its output.

    Args:
        arguments: its own.
        path: the file that a failure is blamed on.

    Raises:
        InputError: it fails.
    """
    command = ["ffmpeg", "-v", "level+verbose", "-nostats", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    lines = done.stderr.decode(errors="replace").splitlines()
    errors = [_ADDRESS.sub("]", _ERROR.sub("", line)) for line in lines if _ERROR.search(line)]
    if done.returncode:
        raise InputError(f"ffmpeg cannot do this with {path}: {_reason(errors)}")
    silence = sum(int(found[1]) for line in lines if (found := _SILENCE.search(line)))
    return Said(list(dict.fromkeys(line.strip() for line in errors)), silence)


def file_name(path: Path) -> str:
    """Return a file's name as ffmpeg takes it, never for an option or a protocol."""
    return f"file:{os.fspath(path.absolute())}"


def _reason(lines: list[str]) -> str:
    return lines[-1].strip()[:200] if lines else "it does not say why"
