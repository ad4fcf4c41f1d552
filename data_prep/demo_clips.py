"""Make the demonstration's recordings from freely licensed Debian packages.

Needs a Debian or Ubuntu machine with apt-get (after apt-get update) and dpkg-deb; nothing is installed.
The committed music_16k.flac, which published figures are of, was resampled by torchaudio; a new one differs by -50 dB.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from audio_inpaint.commands.console import Parser
from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.paths import Paths
from data_prep.packages import download, downloaded, unpack

CACHE = Path("~/.cache/audio_inpaint").expanduser()


@dataclass(frozen=True)
class Clip:
    """A cut of a packaged recording and what its licence asks to be told.

    `start` and `seconds` say where it was cut; `sample_rate` is that of the clip, which is mono where `mono`.
    """

    name: str
    package: str
    version: str
    source: str
    start: float
    seconds: float
    sample_rate: int
    mono: bool
    title: str
    author: str
    licence: str


CLIPS = (
    Clip(
        name="music_44k.flac",
        package="hyperrogue-music",
        version="12.0q-1",
        source="usr/share/hyperrogue/music/hr-domina-hunting.ogg",
        start=50.0,
        seconds=6.0,
        sample_rate=44100,
        mono=False,
        title="HyperRogue soundtrack, hr-domina-hunting",
        author="Lincoln Domina",
        licence="CC-BY-SA-3.0",
    ),
    Clip(
        name="music_16k.flac",
        package="blobwars-data",
        version="2.00-2",
        source="usr/share/games/blobwars/music/arctic",
        start=68.0,
        seconds=5.0,
        sample_rate=16000,
        mono=True,
        title="Tryout - Credits, from xncosq+ynsinq LP (file arctic)",
        author="SinQ (Sander van Oirschot), 2005",
        licence="CC-BY-3.0",
    ),
    Clip(
        name="speech_16k.flac",
        package="pocketsphinx-testdata",
        version="0.8+5prealpha+1-15",
        source="usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0920.wav",
        start=0.0,
        seconds=6.0,
        sample_rate=16000,
        mono=True,
        title="Sense and Sensibility (Jane Austen), chapter 1, a LibriVox reading",
        author="LibriVox volunteers; packaged by Carnegie Mellon University and Alpha Cephei Inc.",
        licence="BSD-2-Clause (the package; LibriVox gives its recordings to the public domain)",
    ),
)


# The BSD licence asks for its notice beside every copy.
_BSD_NOTICE = """\
The speech recording's package: Copyright 1995-2014 Carnegie Mellon University, 2014-2015 Alpha Cephei Inc. All rights
reserved. Redistribution and use in source and binary forms, with or without modification, are permitted provided that
the following conditions are met: 1. Redistributions of source code must retain the above copyright notice, this list
of conditions and the following disclaimer. 2. Redistributions in binary form must reproduce the above copyright notice,
this list of conditions and the following disclaimer in the documentation and/or other materials provided with the
distribution.
This work was supported in part by funding from the Defense Advanced Research Projects Agency and the National Science
Foundation of the United States of America, and the CMU Sphinx Speech Consortium.
THIS SOFTWARE IS PROVIDED BY CARNEGIE MELLON UNIVERSITY "AS IS" AND ANY EXPRESSED OR IMPLIED WARRANTIES, INCLUDING, BUT
NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO
EVENT SHALL CARNEGIE MELLON UNIVERSITY NOR ITS EMPLOYEES BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL,
EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF
USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT,
STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN
IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""


def fetch(package: str, cache: Path = CACHE) -> Path:
    """Downloads and unpacks a Debian package, once, and gives the folder of what it holds."""
    debs = cache / "debs"
    download([name for name in [package] if downloaded(name, debs) is None], debs)
    return unpack(package, debs)


def cut(source: Path, clip: Clip) -> np.ndarray:
    """The clip's samples (time, channel): cut, mixed to mono and resampled as it asks, faded over 5 ms at both ends."""
    with soundfile.SoundFile(source) as file:
        rate = file.samplerate
        file.seek(round(clip.start * rate))
        audio = file.read(round(clip.seconds * rate), dtype="float64", always_2d=True)
    if clip.mono:
        audio = audio.mean(axis=1, keepdims=True)
    audio = resampled(torch.from_numpy(audio.T.copy()), rate, clip.sample_rate).numpy().T.copy()
    fade = np.sin(np.linspace(0, np.pi / 2, round(0.005 * clip.sample_rate)))[:, None] ** 2
    audio[: len(fade)] *= fade
    audio[-len(fade) :] *= fade[::-1]
    return audio


def check(audio: np.ndarray, clip: Clip) -> str:
    """One line of levels; raises InputError when the clip is too short, clipped or silent for half a second."""
    peak = np.abs(audio).max()
    half = clip.sample_rate // 2
    levels = [
        20 * np.log10(np.std(audio[start : start + half]) + 1e-12)
        for start in range(0, len(audio) - half + 1, half // 2)
    ]
    if len(audio) < round(clip.seconds * clip.sample_rate) - 1 or peak > 0.99 or min(levels) < -45:
        raise InputError(
            f"{clip.name}: {len(audio)} samples, peak {peak:.2f}, quietest half second {min(levels):.0f} dB"
        )
    return f"{clip.name}: peak {peak:.2f}, half seconds from {min(levels):.0f} to {max(levels):.0f} dBFS"


def licences() -> str:
    """The text of LICENCES.md."""
    lines = [
        "# Where the demonstration's recordings come from",
        "",
        "Made by `audio-inpaint-data demo-clips` from Debian packages. Each recording keeps its own licence.",
        "",
        "| file | title | author | licence | package and version | file in it | cut | changes |",
        "|-|-|-|-|-|-|-|-|",
    ]
    for clip in CLIPS:
        changes = "cut, 5 ms fades at both ends, decoded to 16-bit FLAC"
        changes += f", mono, {clip.sample_rate // 1000} kHz" if clip.mono else ""
        lines.append(
            f"| {clip.name} | {clip.title} | {clip.author} | {clip.licence} | {clip.package} {clip.version} | "
            f"{clip.source} | {clip.start:g}-{clip.start + clip.seconds:g} s | {changes} |"
        )
    return "\n".join([*lines, "", _BSD_NOTICE])


def main(arguments: list[str] | None = None) -> int:
    """Writes the clips and LICENCES.md; returns the exit code."""
    parser = Parser(prog="audio-inpaint-data demo-clips", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="folder for the clips")
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="folder for the packages (default: ~/.cache/audio_inpaint)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace clips that exist")
    options = parser.parse_args(arguments)
    paths = Paths()
    paths.writes(options.out / "LICENCES.md", "the list of licences")
    for clip in CLIPS:
        paths.writes(options.out / clip.name, "the clip")
    try:
        paths.check(options.overwrite)
        for clip in CLIPS:
            audio = cut(fetch(clip.package, options.cache) / clip.source, clip)
            print(check(audio, clip))
            with replacing(options.out / clip.name) as temporary:
                soundfile.write(temporary, audio, clip.sample_rate, subtype="PCM_16")
        with replacing(options.out / "LICENCES.md") as temporary:
            temporary.write_text(licences(), encoding="utf-8")
    except (InputError, OSError, soundfile.LibsndfileError) as error:
        print(f"audio-inpaint-data demo-clips: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("audio-inpaint-data demo-clips: interrupted; the same command begins again", file=sys.stderr)
        return 130
    return 0
