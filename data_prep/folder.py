"""A folder of audio files of any kind."""

import hashlib
import os
import re
from collections import defaultdict
from pathlib import Path

from audio_inpaint.errors import InputError
from data_prep.recording import SPLITS, Recording, Split, file_bytes, hashed_split, identity, shuffled


def splits(sources: list[Path]) -> dict[str, Split]:
    """List the audio files under a folder by split.

    Files under a top-level folder named training, validation or test belong to that split; otherwise a hash of the
    top-level folder, or of a file that lies in none, gives 70, 20 and 10 %.

    Raises:
        InputError: not one folder, or no audio files in it.
    """
    from audio_inpaint.files.formats import FORMATS

    if len(sources) != 1 or not sources[0].is_dir():
        raise InputError(f"{', '.join(map(str, sources))} is not a folder: name the one that holds all the audio")
    found: dict[str, dict[str, Recording]] = defaultdict(dict)
    [source] = sources
    for path in source.rglob("*"):
        if path.suffix.lower() in FORMATS and not path.name.startswith(".") and path.is_file():
            raw = os.fsencode(path.relative_to(source).as_posix())  # which may be no UTF-8
            name = raw.decode("utf-8", "replace")
            top = name.partition("/")[0]
            split = top if top in SPLITS and "/" in name else hashed_split(top)
            key = f"{re.sub(r'[^A-Za-z0-9]+', '_', name.rpartition('.')[0])[-80:]}-{_short_hash(raw)}"
            metadata = {"source": name, "split": split, "title": Path(name).stem, "licence": "unknown"}
            found[split][key] = Recording(key, metadata, file_bytes(path))
    if not found:
        raise InputError(f"no audio file ({', '.join(FORMATS)}) under {source}")
    result = {}
    for split in SPLITS:
        keys = shuffled(found[split])
        result[split] = Split([found[split][key] for key in keys], len(keys), identity(keys))
    return result


def _short_hash(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()[:8]
