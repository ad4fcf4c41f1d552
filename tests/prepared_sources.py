"""Small sources in the layouts that data_prep reads, and what came of them."""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import soundfile


def tone(seconds: float, rate: int, channels: int = 1, hertz: float = 440.0, level: float = 0.3) -> np.ndarray:
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


def audio_file(path: Path, seconds: float = 1.0, rate: int = 16000, channels: int = 1, **wave: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seconds, rate, channels, **wave), rate)
    return path


def fma_tree(root: Path, tracks: dict[int, dict[str, str]], content: bytes | None = None) -> Path:
    """FMA's layout; tracks: id -> fields "group.name"; `content` stands for each file's tone."""
    for index, track in enumerate(tracks):
        path = root / "fma_small" / f"{track // 1000:03d}" / f"{track:06d}.mp3"
        if content is None:
            audio_file(path, 1.2, 44100, 2, hertz=300 + 50 * index)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    columns = sorted({column for fields in tracks.values() for column in fields})
    lines = [",".join(["", *(column.partition(".")[part] for column in columns)]) for part in (0, 2)]
    lines.append("track_id" + "," * len(columns))
    for track, fields in tracks.items():
        lines.append(",".join([str(track), *(f'"{fields.get(column, "")}"' for column in columns)]))
    (root / "fma_metadata").mkdir(parents=True)
    (root / "fma_metadata" / "tracks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def fma_archives(tree: Path, out: Path) -> list[Path]:
    out.mkdir(parents=True)
    for name in ("fma_small", "fma_metadata"):
        with zipfile.ZipFile(out / f"{name}.zip", "w") as archive:
            for path in sorted((tree / name).rglob("*")):
                archive.write(path, path.relative_to(tree))
    return [out / "fma_small.zip", out / "fma_metadata.zip"]


def nsynth_tree(root: Path, counts: dict[str, int]) -> Path:
    for split, count in counts.items():
        names = [f"guitar_acoustic_{ord(split[0]):03d}-{30 + i:03d}-100" for i in range(count)]
        for i, name in enumerate(names):
            audio_file(root / f"nsynth-{split}" / "audio" / f"{name}.wav", 4, hertz=200 + 20 * i)
        entries = {name: {"note_str": name, "pitch": 30 + i, "velocity": 100} for i, name in enumerate(names)}
        (root / f"nsynth-{split}" / "examples.json").write_text(json.dumps(entries))
    return root


def nsynth_archives(tree: Path, out: Path) -> Path:
    out.mkdir(parents=True)
    for path in sorted(tree.glob("nsynth-*")):
        with tarfile.open(out / f"{path.name}.jsonwav.tar.gz", "w:gz", compresslevel=1) as tar:
            tar.add(path, path.name)
    return out


def samples_of(out: Path) -> dict[str, tuple[np.ndarray, dict]]:
    """Everything in the shards: key -> (audio, metadata)."""
    found = {}
    for path in sorted(out.glob("*.tar")):
        with tarfile.open(path) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        for name, data in members.items():
            key, _, suffix = name.partition(".")
            if suffix == "flac":
                audio, rate = soundfile.read(io.BytesIO(data), dtype="int16")
                metadata = json.loads(members[f"{key}.json"])
                assert rate == metadata["sample_rate"]
                found[key] = audio, metadata
    return found


def digests(out: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}


def all_digests(folder: Path) -> dict[str, dict[str, str]]:
    folders = [path for path in sorted(folder.rglob("*")) if path.is_dir() and not path.name.startswith(".")]
    return {
        str(path.relative_to(folder)): digests(path) for path in folders if not any(p.is_dir() for p in path.iterdir())
    }
