"""Build a corpus of freely licensed recordings: music and notes in the layouts of FMA and NSynth, and speech.

    audio-inpaint-data open-corpus -o corpus           # 16.6 h of music, 10,000 notes, 8 h of speech
    audio-inpaint-data open-corpus -o small --small    # a minute or two: for a look, and for tests

The recordings are those that Debian 12 packages carry. Needs Debian or Ubuntu with apt-get (after apt-get update),
fluidsynth for the notes and ffmpeg for speech and the whole corpus's music; no package is installed. Packages that
are in FOLDER/packages already are used as they are. Work that was interrupted continues when the command is given
again, as does a corpus that lacks a kind.
"""

import argparse
import sys
from pathlib import Path

from audio_inpaint.commands.console import Parser
from audio_inpaint.errors import InputError
from audio_inpaint.files.folders import check_folder
from data_prep import open_music, open_notes, open_speech, packages
from data_prep.open_notes import Instrument
from data_prep.parallel import available_cores

# By which a corpus is known that goes on.
RECORDS = {"music": open_music.RECORDS, "notes": open_notes.RECORDS, "speech": open_speech.RECORDS}
KINDS = tuple(RECORDS)
# Of disk, packages and what is unpacked of them included; measured 7,000, 1,640 and 1,810; 460, 95 and 164.
SPACE_MB = {
    ("music", False): 7500, ("notes", False): 1800, ("speech", False): 2000,
    ("music", True): 500, ("notes", True): 120, ("speech", True): 200,
}  # fmt: skip


def build(out: Path, small: bool = False, kinds: tuple[str, ...] = KINDS, workers: int = 1) -> dict[str, int]:
    """Fetch what is missing, write the corpus, and give the number of recordings of each kind.

    Args:
        out: gets packages/, music/ in FMA's layout, notes/ in NSynth's, and speech/ by split and language.
        small: a few packages only, yet all three splits.
        kinds: of `KINDS`.
        workers: processes; the corpus does not depend on it.

    Raises:
        InputError: the folder of a kind holds other files, or a program, a package or disk space is missing, which is
            told before anything is downloaded.
    """
    music = [package for package in open_music.MUSIC if not small or package.name in open_music.SMALL]
    fonts = [font for font in open_notes.FONTS if not small or font.name in open_notes.SMALL_FONTS]
    played = open_notes.SMALL_PROGRAMS if small else open_notes.PROGRAMS
    voices = [voice for voice in open_speech.VOICES if not small or voice.name in open_speech.SMALL]
    needed = {
        "music": packages.programs(package.tracks for package in music),
        "notes": open_notes.PROGRAMS_NEEDED,
        "speech": packages.programs(voice.files for voice in voices),
    }
    names = {
        "music": [package.name for package in music],
        "notes": [font.name for font in fonts],
        "speech": [voice.package for voice in voices],
    }
    downloads = out / "packages"
    for kind in kinds:
        check_folder(out / kind, RECORDS[kind])
    packages.require([program for kind in kinds for program in needed[kind]])
    packages.require_space(out, sum(SPACE_MB[kind, small] for kind in kinds))
    absent = packages.missing(list(dict.fromkeys(name for kind in kinds for name in names[kind])), downloads)
    if absent:
        print(f"fetching {len(absent)} packages, {sum(absent.values()) / 1e6:,.0f} MB", flush=True)
        packages.download(list(absent), downloads)
    counts, refused = {}, []
    if "music" in kinds:
        counts["music"], refused = open_music.write_music(music, downloads, out / "music", workers)
    if "notes" in kinds:
        instruments = [Instrument(program, font) for program in played for font in fonts]
        counts["notes"] = open_notes.write_notes(instruments, downloads, out / "notes", workers)
    if "speech" in kinds:
        counts["speech"], unread = open_speech.write_speech(voices, downloads, out / "speech", workers)
        refused += unread
    for one in refused:
        print(f"passed over: {one.key}: {one.reason}", file=sys.stderr)
    if refused:
        print(f"passed over: {len(refused)} files that cannot be read, of {', '.join(kinds)}", file=sys.stderr)
    return counts


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and build the corpus; returns the exit code."""
    parser = Parser(
        prog="audio-inpaint-data open-corpus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="folder for the corpus")
    parser.add_argument("--small", action="store_true", help="a few packages only")
    parser.add_argument(
        "--only", default=",".join(KINDS), metavar="KINDS", help=f"some of {','.join(KINDS)} (default: all)"
    )
    parser.add_argument("--workers", type=int, default=available_cores(), help="processes (default: all cores)")
    options = parser.parse_args(arguments)
    try:
        kinds = tuple(dict.fromkeys(options.only.split(",")))
        if not set(kinds) <= set(KINDS):
            raise InputError(f"--only {options.only}: name some of {','.join(KINDS)}")
        if options.workers < 1:
            raise InputError("--workers must be at least 1")
        counts = build(options.out, options.small, kinds, options.workers)
    except (InputError, OSError) as error:
        print(f"audio-inpaint-data open-corpus: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("audio-inpaint-data open-corpus: interrupted; the same command continues", file=sys.stderr)
        return 130
    unit = {
        "music": "clips of 30 s, in FMA's layout",
        "notes": "notes of 4 s, in NSynth's layout",
        "speech": "clips of 4 to 10 s, by split and language",
    }
    for kind, count in counts.items():
        print(f"{options.out / kind}: {count} {unit[kind]}")
    return 0
