"""NSynth (Engel et al., 2017): notes from the published archives, or extracted."""

import json
import re
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Self

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason
from data_prep.limits import ARCHIVE_ERRORS, Unusable, checked_size, read_file
from data_prep.recording import SPLITS, Recording, Split, file_bytes, given_bytes, identity, shuffled

FOLDERS = {"training": "nsynth-train", "validation": "nsynth-valid", "test": "nsynth-test"}
ARCHIVE_SUFFIX = ".jsonwav.tar.gz"
LICENCE = "CC-BY-4.0"  # NSynth's, where examples.json names no other
NOTE_SECONDS = 4
MOST_NOTE_BYTES = 1 << 24  # NSynth's have 128 kB
MOST_HEADER_BYTES = 1 << 20  # of a tar archive's long names and the like
_NOTE = re.compile(r"(?P<family>[a-z_]+)_(?P<source>acoustic|electronic|synthetic)_(?P<id>\d{1,6})-(?P<pitch>\d{1,6})-"
                   r"(?P<velocity>\d{1,6})\.wav")  # fmt: skip


def splits(sources: list[Path]) -> dict[str, Split]:
    """List the notes of each split.

    Args:
        sources: folders nsynth-train and so on, their archives nsynth-train.jsonwav.tar.gz, or a folder of either.
            An archive, which can only be read from its start to its end, is streamed in its own order.

    Raises:
        InputError: nothing of NSynth's in the sources.
    """
    result = {}
    for split in SPLITS:
        name = FOLDERS[split]
        for source in sources:
            for place in (source, source / name, source / (name + ARCHIVE_SUFFIX)):
                if split in result:
                    break
                if place.is_dir() and place.name == name:
                    result[split] = _extracted(place, split)
                elif place.is_file() and place.name == name + ARCHIVE_SUFFIX:
                    # Its name alone: work on an archive that was cut short continues with the whole one.
                    result[split] = Split(_streamed(place, split), None, place.name)
    if not result:
        raise InputError(
            f"neither {FOLDERS['training']} nor {FOLDERS['training'] + ARCHIVE_SUFFIX}, nor their like, at "
            f"{', '.join(map(str, sources))}: name the archives or the folder that holds them"
        )
    return result


def note(name: str, split: str, licence: str = LICENCE) -> dict[str, str | int] | None:
    """What a note's file name tells, None where it is not a note's."""
    found = _NOTE.fullmatch(name)
    if not found:
        return None
    return {
        "source": f"nsynth {name.removesuffix('.wav')}",
        "split": split,
        "licence": licence,
        "instrument": f"{found['family']}_{found['source']}_{found['id']}",
        "family": found["family"],
        "pitch": int(found["pitch"]),
        "velocity": int(found["velocity"]),
    }


def _extracted(folder: Path, split: str) -> Split:
    """The notes that examples.json names: one whose file is missing is then refused by name."""
    path = folder / "examples.json"
    try:
        text = read_file(path)
        # Of an entry only the licence is kept: 289,205 whole entries would take a gigabyte.
        licences = json.loads(text, object_hook=lambda entry: entry.get("license") if "pitch" in entry else entry)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({reason(error)}): extract the archive again") from error
    if not isinstance(licences, dict) or not all(isinstance(one, str | None) for one in licences.values()):
        raise InputError(f"{path} is not NSynth's, which has an entry with a pitch for each note: extract it again")
    names = [name for name in shuffled(licences) if _NOTE.fullmatch(f"{name}.wav")]
    recordings = (
        Recording(name, note(f"{name}.wav", split, licences[name] or LICENCE), file_bytes(path), NOTE_SECONDS)
        for name, path in ((name, folder / "audio" / f"{name}.wav") for name in names)
    )
    return Split(recordings, len(names), identity(names))


def _streamed(archive: Path, split: str) -> Iterator[Recording]:
    try:
        with tarfile.open(archive, "r|gz", tarinfo=_Member) as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                if metadata := note(name, split):
                    usable = member.isreg() and member.size <= MOST_NOTE_BYTES
                    read = given_bytes(tar.extractfile(member).read()) if usable else partial(_refuse, member.size)
                    yield Recording(name.removesuffix(".wav"), metadata, read, NOTE_SECONDS)
                tar.members.clear()  # tarfile would keep every header
    except (tarfile.TarError, *ARCHIVE_ERRORS) as error:
        raise InputError(
            f"{archive} is not a whole archive ({reason(error)}): download it again; finished shards are kept"
        ) from error


_HEADERS = {
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
}  # fmt: skip


class _Member(tarfile.TarInfo):
    """A member whose name fits into memory."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _HEADERS and member.size > MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {member.size} bytes")
        return member


def _refuse(size: int) -> bytes:
    checked_size(size, MOST_NOTE_BYTES)
    raise Unusable("is no regular file")
