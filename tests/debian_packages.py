"""Debian packages made here, and a stand-in for apt-get that serves them."""

import os
import stat
import subprocess
from pathlib import Path

import pytest


def build_package(root: Path, name: str, out: Path) -> None:
    control = root / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(f"Package: {name}\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: d\n")
    out.mkdir(exist_ok=True)
    target = out / f"{name}_1%3a2.0-1_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", root, target], check=True, capture_output=True)


def put_apt_get(folder: Path, server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in on the search path that knows the packages in `server` and counts its downloads in `server`/log."""
    folder.mkdir()
    script = folder / "apt-get"
    script.write_text(
        f"""#!/bin/bash
[ "$1" = download ] || exit 9
shift
[ "$1" = --print-uris ] && dry=1 && shift
for name in "$@"; do
    file=$(ls {server}/${{name}}_*.deb 2>/dev/null) || {{ echo "E: Unable to locate package $name" >&2; exit 100; }}
    if [ "$dry" ]; then echo "'http://d/${{file##*/}}' ${{file##*/}} $(stat -c %s "$file") SHA256:0"
    else cp "$file" . && echo "$name" >> {server}/log; fi
done
"""
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (server / "log").unlink(missing_ok=True)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
