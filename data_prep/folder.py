"""A folder of audio files of any kind.

What is known of its files may stand in metadata.csv in the folder, as Hugging Face's AudioFolder has it: a column
file_name with paths relative to the folder, and any of `FIELDS`.
"""

import csv
import hashlib
import os
import re
from collections import defaultdict
from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason
from data_prep.recording import SPLITS, Recording, Split, file_bytes, hashed_split, identity, shuffled

METADATA = "metadata.csv"
FIELDS = ("title", "artist", "album", "licence", "language", "speaker")


def splits(sources: list[Path]) -> dict[str, Split]:
    """List the audio files under a folder by split.

    Files under a top-level folder named training, validation or test belong to that split; otherwise a hash of the
    top-level folder, or of a file that lies in none, gives 70, 20 and 10 %.

    Raises:
        InputError: not one folder, no audio files in it, or its metadata.csv cannot be read.
    """
    from audio_inpaint.files.formats import FORMATS

    if len(sources) != 1 or not sources[0].is_dir():
        raise InputError(f"{', '.join(map(str, sources))} is not a folder: name the one that holds all the audio")
    found: dict[str, dict[str, Recording]] = defaultdict(dict)
    [source] = sources
    described = read_metadata(source / METADATA)
    for path in source.rglob("*"):
        if path.suffix.lower() in FORMATS and not path.name.startswith(".") and path.is_file():
            raw = os.fsencode(path.relative_to(source).as_posix())  # which may be no UTF-8
            name = raw.decode("utf-8", "replace")
            top = name.partition("/")[0]
            split = top if top in SPLITS and "/" in name else hashed_split(top)
            key = f"{re.sub(r'[^A-Za-z0-9]+', '_', name.rpartition('.')[0])[-80:]}-{_short_hash(raw)}"
            metadata = {"source": name, "split": split, "title": Path(name).stem, "licence": "unknown"}
            found[split][key] = Recording(key, metadata | described.get(name, {}), file_bytes(path))
    if not found:
        raise InputError(f"no audio file ({', '.join(FORMATS)}) under {source}")
    result = {}
    for split in SPLITS:
        keys = shuffled(found[split])
        result[split] = Split([found[split][key] for key in keys], len(keys), identity(keys))
    return result


def read_metadata(path: Path) -> dict[str, dict[str, str]]:
    """Read the fields of each file that metadata.csv names; none where there is no such table, or another's.

    Raises:
        InputError: it cannot be read.
    """
    if not path.is_file():
        return {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("file_name")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table ({reason(error)}): mend it or move it away") from error
    return {row["file_name"]: {field: row[field] for field in FIELDS if row.get(field)} for row in rows}


def _short_hash(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()[:8]
