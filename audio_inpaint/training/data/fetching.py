"""Shards behind URLs and commands, fetched once by each machine and then read like other files."""

import fcntl
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing

_CURL = ("curl", "--fail", "--silent", "--show-error", "--location", "--connect-timeout", "30", "--retry", "5")
_CLIENTS = {
    **dict.fromkeys(("http", "https", "ftp", "ftps", "sftp", "file"), (*_CURL, "{shard}", "--output", "{file}")),
    "s3": ("aws", "s3", "cp", "--only-show-errors", "{shard}", "{file}"),
    "gs": ("gsutil", "-q", "cp", "{shard}", "{file}"),
}


def remote(name: str) -> bool:
    """Whether a shard's name is a URL or a command, and no path."""
    return re.match(r"[a-z][a-z0-9+.-]+:", name) is not None


def check(shard: str) -> None:
    """See that there is a program that fetches a shard.

    Raises:
        InputError: it is not installed, or none is known.
    """
    scheme = shard.partition(":")[0]
    if scheme == "pipe":
        return
    if scheme not in _CLIENTS:
        raise InputError(
            f"{shard} is none of {', '.join(_CLIENTS)}: name a command that writes the shard, as in pipe:COMMAND"
        )
    client = _CLIENTS[scheme][0]
    if shutil.which(client) is None:
        raise InputError(
            f"{shard} is fetched by {client}, which is not installed: install it, or name another command that writes "
            f"the shard, as in pipe:{'aws s3 cp ' + shard + ' -' if scheme == 's3' else 'COMMAND'}"
        )


def fetched(shard: str, folder: Path) -> Path:
    """Return the file of a shard, which is fetched if no process of this machine has done so.

    Args:
        shard: a URL, or `pipe:` and a command that writes it.
        folder: where fetched shards are kept.

    Raises:
        InputError: it cannot be fetched.
    """
    path = folder / f"{hashlib.sha256(shard.encode()).hexdigest()[:32]}.tar"
    if path.is_file():
        return path
    try:
        with open(path.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be fetching it
            if not path.is_file():
                with replacing(path) as temporary:
                    _fetch(shard, temporary)
    except OSError as error:
        raise InputError(f"the shard {shard} cannot be kept in {folder}: {error.strerror}") from error
    return path


def _fetch(shard: str, path: Path) -> None:
    check(shard)
    scheme, _, command = shard.partition(":")
    words = [word.format(shard=shard, file=path) for word in _CLIENTS.get(scheme, ())] or ["sh", "-c", command]
    with open(path, "wb") as file:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = f"{said[-1]} (exit {done.returncode})" if said else f"exit {done.returncode}"
        raise InputError(f"the shard {shard} cannot be fetched: {why}")
