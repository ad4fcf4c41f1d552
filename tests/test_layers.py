"""Imports run downhill, lazy ones included."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "audio_inpaint"
# from the bottom to the top; rooms of one line may import each other, but not in a circle
LAYERS = [
    ["errors", "extras", "processes", "standard_streams"],
    ["arrays", "gaps", "insertions", "random_gaps"],
    ["files"],
    ["marker_files"],
    ["gap_files", "dsp"],
    ["nn", "losses", "scores", "alignment"],
    ["pool"],
    ["methods"],
    ["spans", "detection", "references", "also"],
    ["filling"],
    ["repairing", "forecast"],
    ["report", "training", "listening", "benchmark"],
    ["commands", "train"],
    ["cli"],
    ["__main__"],
]


@cache
def imports() -> dict[str, set[str]]:
    """Room -> rooms that it imports, from the source of all its files; what only a type checker reads is left out."""
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts == ("__init__",):
            continue
        own = found.setdefault(parts[0], set())
        for node in _run(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "audio_inpaint":
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name.startswith("audio_inpaint.")]
            own |= {name.split(".")[1] for name in names}
        own.discard(parts[0])
    return {room: rooms & found.keys() | (rooms & {"audio_inpaint"}) for room, rooms in found.items()}


def _run(tree: ast.AST):
    """Yield the nodes that run; the body of `if TYPE_CHECKING` does not."""
    waiting = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
                yield node
                waiting.append(node)


LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def test_every_room_has_a_layer():
    assert imports().keys() <= LEVEL.keys()


@pytest.mark.parametrize("room", sorted(LEVEL))
def test_imports_run_downhill(room):
    upwards = {other for other in imports().get(room, ()) if LEVEL[other] > LEVEL[room]}
    assert not upwards, f"{room} imports {sorted(upwards)}, which lie above it"


def test_no_packages_import_each_other_in_a_circle():
    graph, done, path = imports(), set(), []

    def visit(room: str) -> None:
        assert room not in path, " -> ".join([*path[path.index(room) :], room])
        if room in done:
            return
        path.append(room)
        for other in sorted(graph.get(room, ())):
            visit(other)
        done.add(path.pop())

    for room in sorted(graph):
        visit(room)
