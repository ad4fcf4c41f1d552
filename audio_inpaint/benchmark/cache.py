"""Restored samples and scores on disk, so that a benchmark computes only what is new."""

import hashlib
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.files.atomic import replacing


@dataclass
class Entry:
    """What is kept of one method on one case.

    Args:
        samples: the restored samples, (channel, kept) float32: those of the gaps under `time`, all under `columns`.
        seconds: that the restoration took.
        memory_mb: that it needed.
        scores: name -> value, of those computed so far.
        scored_by: fingerprint of the scores that they are.
    """

    samples: Tensor
    seconds: float
    memory_mb: float
    scores: dict[str, float] = field(default_factory=dict)
    scored_by: str = ""

    def current(self, scored_by: str) -> dict[str, float]:
        """Return the scores, none if another fingerprint's code computed them."""
        return self.scores if self.scored_by == scored_by else {}


def key(fingerprint: str, protocol: str, case: str) -> str:
    """Name an entry: what the fills are made of, the protocol, what is damaged and where."""
    return hashlib.sha256(f"{fingerprint} {protocol} {case}".encode()).hexdigest()


def load(folder: Path, name: str) -> Entry | None:
    """Read an entry; None where there is none, or a damaged one."""
    try:
        with np.load(_path(folder, name)) as file:
            meta = json.loads(str(file["meta"]))
            return Entry(torch.from_numpy(file["samples"]), **meta)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def save(folder: Path, name: str, entry: Entry) -> None:
    """Write an entry.

    Raises:
        InputError: it cannot be written.
    """
    path = _path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = {name: getattr(entry, name) for name in ("seconds", "memory_mb", "scores", "scored_by")}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, samples=entry.samples.numpy(), meta=json.dumps(meta))


def _path(folder: Path, name: str) -> Path:
    return folder / name[:2] / f"{name}.npz"
