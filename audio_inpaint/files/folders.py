"""Folders that appear whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import made, reason, unfinished

Own = Callable[[Sequence[str]], bool]


@contextlib.contextmanager
def replacing_folder(path: Path, own: Own) -> Iterator[Path]:
    """Give an empty folder beside `path` that takes its place when the block ends well and vanishes when it does not.

    Args:
        path: the folder; an old one is replaced.
        own: whether all files are of such a folder, by their names relative to it; an old folder with others is left
            alone.

    Raises:
        InputError: it cannot be written, or something else is in its place.
    """
    check_own(path, own)
    temporary, old = (unfinished(path.parent) for _ in range(2))
    try:
        with made(path.parent):
            temporary.mkdir()
            try:
                yield temporary
                if path.exists():
                    os.replace(path, old)
                os.replace(temporary, path)
            finally:
                with contextlib.suppress(OSError):
                    if old.exists() and not path.exists():
                        os.replace(old, path)
                for folder in (temporary, old):
                    shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from error


@contextlib.contextmanager
def made_for(folder: Path, mark: str) -> Iterator[None]:
    """Make a folder for results, which goes again where the block fails before it puts anything there but its mark.

    Args:
        folder: it may be there.
        mark: the name of the file that shows whose it is.

    Raises:
        InputError: it cannot be made.
    """
    there = folder.exists()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(made(folder))
        except OSError as error:
            raise InputError(f"the output {folder} must be a folder: {reason(error)}") from error
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):
                if not there and os.listdir(folder) == [mark]:
                    (folder / mark).unlink()
            raise


def check_own(path: Path, own: Own) -> None:
    """Refuse a folder that `replacing_folder` would not replace.

    Raises:
        InputError: something else is in its place.
    """
    if path.exists() and not _is_own(path, own):
        raise InputError(f"{path} holds something else: move it away, or choose another name for the output")


def check_folder(path: Path, mark: str) -> None:
    """Refuse a folder for results that holds other files than results.

    Args:
        path: the folder, which need not be there.
        mark: name of what earlier work of the same kind leaves in it; a folder that has it is continued.

    Raises:
        InputError: it holds files, but not the mark; or it is no folder, or cannot be read.
    """
    try:
        if os.path.lexists(path) and next(path.iterdir(), None) is not None and not (path / mark).exists():
            raise InputError(f"{path} holds other files: name a new folder")
    except OSError as error:
        raise InputError(f"the output {path} must be a folder: {reason(error)}") from error


def remove_folder(path: Path, own: Own) -> None:
    """Remove a folder that `replacing_folder` made, if it is there; any other is left alone."""
    if path.is_dir() and _is_own(path, own):
        shutil.rmtree(path, ignore_errors=True)


def _is_own(path: Path, own: Own) -> bool:
    if not path.is_dir() or path.is_symlink():
        return False
    return own([file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()])
