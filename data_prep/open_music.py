"""Freely licensed music of Debian packages, cut into 30 s clips in FMA's layout."""

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason, replacing
from data_prep import g722
from data_prep.conversion import Refused
from data_prep.limits import ARCHIVE_ERRORS, Unusable, opened, read_member
from data_prep.packages import licence_of, unpack, version
from data_prep.parallel import ordered_map

CLIP, LEAD, TAIL = 30, 5, 2  # seconds of a clip; left out at a track's start and end, where music fades
RECORDS = ".tracks"  # folder of the clips of each track that is finished
FRAME = 1024  # samples whose level is measured at once
LOUDEST, QUIET, QUIET_SHARE = -40.0, -60.0, 0.2  # dBFS: a clip is kept if louder, and not too much of it is quieter
# FMA files game soundtracks under its genre Soundtrack, a child of this one.
GENRE = "Instrumental"


@dataclass(frozen=True)
class MusicPackage:
    """A package of music.

    Args:
        number: its tracks' ids begin with it, so that a part of the corpus has the same ids as the whole.
        name: Debian's.
        split: of all its tracks, so that no album is in two.
        tracks: pattern of its files.
        album, artist: where the files do not tell.
        licence: where the package's copyright file has none for the file.
        inner: folder of the tracks in the ZIP archive that `tracks` names.
    """

    number: int
    name: str
    split: str
    tracks: str
    album: str
    artist: str
    licence: str
    inner: str = ""


MUSIC = (
    MusicPackage(1, "warzone2100-music", "training", "usr/share/games/warzone2100/music/**/*.opus",
                 "Warzone 2100", "Warzone 2100 Project", "GPL-2+"),
    MusicPackage(2, "ufoai-music", "training", "usr/share/games/ufoai/base/0music.pk3",
                 "UFO: Alien Invasion", "The UFO:AI Team", "GPL-2+", inner="music/"),
    MusicPackage(3, "wesnoth-1.16-music", "training", "usr/share/games/wesnoth/1.16/data/core/music/*.ogg",
                 "The Battle for Wesnoth", "The Battle for Wesnoth Project", "GPL-2+"),
    MusicPackage(4, "hedgewars-data", "training", "usr/share/games/hedgewars/Data/Music/*.ogg",
                 "Hedgewars", "Hedgewars Project", "GPL-2"),
    MusicPackage(5, "nexuiz-music", "training", "usr/share/games/nexuiz/data/music.pk3",
                 "Nexuiz", "Alientrap", "GPL-2+", inner="sound/cdtracks/"),
    MusicPackage(6, "singularity-music", "training", "usr/share/games/singularity/music/**/*.ogg",
                 "Endgame: Singularity", "Max McCracken", "CC-BY-SA-3.0"),
    MusicPackage(7, "zaz-data", "training", "usr/share/games/zaz/mus*.ogg",
                 "Neurons: Fire At Will", "Leonard Ritter", "CC-BY-SA-3.0"),
    MusicPackage(8, "colobot-common-sounds", "validation", "usr/share/games/colobot/music/*.ogg",
                 "Colobot: Gold Edition", "TerranovaTeam", "GPL-3+"),
    MusicPackage(9, "pushover-data", "validation", "usr/share/pushover/themes/*.ogg",
                 "Pushover", "Roberto Lorenz", "GPL-3+"),
    MusicPackage(10, "xmoto-data", "validation", "usr/share/games/xmoto/Textures/Musics/*.ogg",
                 "X-Moto", "The X-Moto Team", "GPL-2+"),
    MusicPackage(11, "blobwars-data", "test", "usr/share/games/blobwars/music/*",
                 "Blob Wars: Metal Blob Solid", "Simuze.nl", "CC-BY-SA-3.0"),
    MusicPackage(12, "hyperrogue-music", "test", "usr/share/hyperrogue/music/*.ogg",
                 "HyperRogue", "HyperRogue", "CC-BY-SA-3.0"),
    MusicPackage(13, "asterisk-moh-opsound-g722", "test", "usr/share/asterisk/moh/*.g722",
                 "Opsound music on hold", "Opsound", "CC-BY-SA-3.0"),
)  # fmt: skip
SMALL = ("zaz-data", "xmoto-data", "hyperrogue-music")


@dataclass(frozen=True)
class Track:
    """A track of a package: its file, or a member of the ZIP archive at `path`."""

    package: MusicPackage
    version: str
    number: int
    path: Path
    member: str
    licence: str


@dataclass(frozen=True)
class Clip:
    """A line of tracks.csv."""

    id: int
    title: str
    artist: str
    album: str
    album_id: int
    licence: str
    split: str
    duration: int
    origin: str
    position: str


def write_music(packages: list[MusicPackage], downloads: Path, out: Path, workers: int) -> tuple[int, list[Refused]]:
    """Cut the tracks of downloaded packages into clips and list them in tracks.csv.

    Args:
        packages: which.
        downloads: folder of the .deb files.
        out: gets fma_small/000/000002.flac and so on, and fma_metadata/tracks.csv.
        workers: processes.

    Returns: the number of clips, and the tracks that cannot be read.

    Raises:
        InputError: a package holds no tracks, or nothing can be written.
    """
    tracks = [track for package in packages for track in list_tracks(package, downloads)]
    records = out / RECORDS
    for folder in (records, out / "fma_small", out / "fma_metadata"):
        folder.mkdir(parents=True, exist_ok=True)
    cut = ordered_map(partial(cut_track, out=out), tracks, workers)
    clips, refused = [], []
    for found in tqdm(cut, "music", len(tracks), unit=" tracks", disable=None):
        if isinstance(found, Refused):
            refused.append(found)
        else:
            clips += found
    with (
        replacing(out / "fma_metadata" / "tracks.csv") as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        write_tracks(file, clips)
    return len(clips), refused


def list_tracks(package: MusicPackage, downloads: Path) -> list[Track]:
    """Unpack a package and list its tracks in the order of their names.

    Raises:
        InputError: it has none, or its archive cannot be read.
    """
    folder = unpack(package.name, downloads)
    copyright_file = folder / "usr/share/doc" / package.name / "copyright"
    text = copyright_file.read_text(encoding="utf-8", errors="replace") if copyright_file.is_file() else ""
    found = []
    for path in sorted(folder.glob(package.tracks)):
        if package.inner:
            try:
                names = zipfile.ZipFile(path).namelist()
            except ARCHIVE_ERRORS as error:
                raise InputError(f"{path} is not a whole ZIP archive ({reason(error)}): remove {folder}") from error
            found += [(path, name) for name in sorted(names) if name.startswith(package.inner) and name[-1] != "/"]
        elif path.suffix != ".tags" and path.is_file():
            found.append((path, ""))
    if not found:
        raise InputError(f"{package.name} {version(package.name, downloads)} holds no {package.tracks}: it has changed")
    return [
        Track(
            package,
            version(package.name, downloads),
            number,
            path,
            member,
            licence_of(member or path.relative_to(folder).as_posix(), text) or package.licence,
        )
        for number, (path, member) in enumerate(found)
    ]


def cut_track(track: Track, out: Path) -> list[Clip] | Refused:
    """Cut a track into clips that follow each other without overlap, keep those that are not quiet, and describe them.

    A track that an earlier run finished is only read back; one that cannot be read is tried again by each run.
    """
    record = out / RECORDS / f"{track.package.name}-{track.number:03d}.json"
    if record.is_file():
        return [Clip(**clip) for clip in json.loads(record.read_text(encoding="utf-8"))]
    clips = []
    try:
        for clip, samples, rate in _loud_clips(track):
            path = out / "fma_small" / f"{clip.id // 1000:03d}" / f"{clip.id:06d}.flac"
            path.parent.mkdir(exist_ok=True)
            with replacing(path) as temporary:
                soundfile.write(temporary, samples, rate, format="FLAC", subtype="PCM_16")
            clips.append(clip)
    except Unusable as error:
        return Refused(f"{track.package.name}: {track.member or track.path.name}", str(error))
    with replacing(record) as temporary:
        temporary.write_text(json.dumps([asdict(clip) for clip in clips], ensure_ascii=False), encoding="utf-8")
    return clips


def is_quiet(samples: np.ndarray) -> bool:
    """Whether audio (time, channel) is mostly silence: see `LOUDEST`, `QUIET` and `QUIET_SHARE`."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME * samples.shape[1])
    level = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-20)
    return bool(level.max() < LOUDEST or np.mean(level < QUIET) > QUIET_SHARE)


def write_tracks(file: io.TextIOBase, clips: list[Clip]) -> None:
    """Write clips as FMA's tracks.csv: two rows of column names, one that names the index, then the tracks."""
    columns = {
        ("album", "id"): lambda clip: clip.album_id,
        ("album", "information"): lambda clip: clip.origin,
        ("album", "title"): lambda clip: clip.album,
        ("artist", "id"): lambda clip: zlib.crc32(clip.artist.encode()),
        ("artist", "name"): lambda clip: clip.artist,
        ("set", "split"): lambda clip: clip.split,
        ("set", "subset"): lambda _: "small",
        ("track", "duration"): lambda clip: clip.duration,
        ("track", "genre_top"): lambda _: GENRE,
        ("track", "information"): lambda clip: clip.position,
        ("track", "license"): lambda clip: clip.licence,
        ("track", "title"): lambda clip: clip.title,
    }
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["", *(first for first, _ in columns)])
    writer.writerow(["", *(second for _, second in columns)])
    writer.writerow(["track_id", *("" for _ in columns)])
    writer.writerows([clip.id, *(value(clip) for value in columns.values())] for clip in clips)


def _loud_clips(track: Track) -> Iterator[tuple[Clip, np.ndarray, int]]:
    """Yield the clips of a track that are not quiet, their samples (time, channel), and its rate.

    Raises:
        Unusable: it cannot be read to its end.
    """
    try:
        with opened(_source(track)) as file:
            rate, tags = file.samplerate, file.copy_metadata()
            file.read(LEAD * rate)
            for number in range(max(0, (file.frames // rate - LEAD - TAIL) // CLIP)):
                samples = file.read(CLIP * rate, dtype="float32", always_2d=True)
                if len(samples) == CLIP * rate and not is_quiet(samples):
                    yield _describe(track, number, file.frames // rate, tags), samples, rate
    except Unusable:
        raise
    except (soundfile.SoundFileError, MemoryError, *ARCHIVE_ERRORS) as error:
        raise Unusable(reason(error)) from error


def _source(track: Track) -> Path | bytes:
    """What libsndfile reads: the file of a track, or the bytes that a program or an archive gives."""
    if track.path.suffix == g722.SUFFIX:
        return g722.as_wav([track.path])[0]
    return read_member(zipfile.ZipFile(track.path), track.member) if track.member else track.path


def _describe(track: Track, number: int, seconds: int, tags: dict[str, str]) -> Clip:
    package = track.package
    start = LEAD + CLIP * number
    name = track.member or "/".join(track.path.parts[track.path.parts.index("usr") :])
    album = tags.get("album") or package.album
    return Clip(
        id=10000 * package.number + 100 * track.number + number,
        title=tags.get("title") or Path(name).stem,
        artist=tags.get("artist") or package.artist,
        album=album,
        album_id=package.number,
        licence=track.licence,
        split=package.split,
        duration=seconds,
        origin=f"Debian package {package.name} {track.version}",
        position=f"{name}, {start} to {start + CLIP} s",
    )
