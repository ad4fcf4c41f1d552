"""Put one fault at a time into a copy of the package, and name the faults that no test finds.

`make mutants` tries all of them; `python benchmarks/mutants.py coherence-filter slopes` those named. A fault has
survived if the tests of its file pass with it, and if its text no longer stands once in that file, so that it was not
tried. Ends with 1 if any survived.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = "audio_inpaint"
LIMIT = 1200  # seconds for the tests of one fault, which take 20: a fault may make them endless
PROCESSES = 2


class Fault(NamedTuple):
    """What is replaced, by what, and the tests that should notice."""

    file: str
    old: str
    new: str
    tests: str


R = "methods/recall/recall.py"
V = "methods/recall/scene.py"
A = "methods/recall/auto.py"
N = "methods/recall/recollection.py"
H = "methods/recall/rehearsal.py"
Y = "methods/recall/ways.py"
E = "pool/excerpts.py"
J, B, C, S = "methods/janssen.py", "methods/burg.py", "dsp/coherence.py", "dsp/template_search.py"
P, G, W = "files/patching.py", "gaps.py", "files/formats.py"

# One file of tests for each part of the default; they were made to be fast, and to find these faults.
RECALLED = "tests/test_ingredients_recollection.py"
CHOSEN = "tests/test_ingredients_rehearsal.py"
ALSO, LONG = "tests/test_also.py", "tests/test_long_gaps.py"
EXPECTED = "tests/test_ingredients_expectation.py"
PREDICTED = "tests/test_ingredients_prediction.py"
FILES = "tests/test_ingredients_files.py"

FAULTS = {
    "coherence-filter": Fault(
        N, "zip(coherent(totals, target, beside, sample_rate, ~lost), gains", "zip(totals, gains", RECALLED),
    "ridge-stiff": Fault(N, "_RIDGE = 0.1", "_RIDGE = 10.0", RECALLED),
    "ridge-loose": Fault(N, "_RIDGE = 0.1", "_RIDGE = 0.001", RECALLED),
    "ridge-equal": Fault(N, "((1 - likeness) / likeness + 0.01)", "0.01", RECALLED),
    "fraction": Fault(N, "segments.new_tensor(fractions)", "0 * segments.new_tensor(fractions)", RECALLED),
    "margin": Fault(N, "MARGIN = 64", "MARGIN = 1", RECALLED),
    "known-copied": Fault(N, "to(torch.float64, copy=True)", "to(torch.float64)", RECALLED),
    "missing-doubted": Fault(N, "torch.where(doubt > 0, ", "torch.where(doubt < 0, ", RECALLED),
    "chance": Fault(C, "by_chance = 1 / values", "by_chance = 0 / values", RECALLED),
    "band-kept": Fault(C, "_ENOUGH = 1 / 3", "_ENOUGH = 1 / 300", RECALLED),
    "matches-spaced": Fault(S, "abs(match.lag - other.lag) >= spacing", "abs(match.lag - other.lag) >= 0", RECALLED),
    "matches-apart": Fault(V, "_APART = 0.002", "_APART = 0.2", RECALLED),
    "search-margin": Fault(V, "place.start - context.start + MARGIN", "place.start - context.start", RECALLED),
    "contexts": Fault(R, "(1.0, 1.5, 0.25, 0.1875, 2.0, 0.5)", "(1.0,)", CHOSEN),
    "contexts-hurried": Fault(Y, "contexts[:_FIRST]", "contexts", CHOSEN),
    "orders": Fault(Y, "order * (1 + i % 2)", "order", CHOSEN),
    "after-recall": Fault(Y, "_AFTER_RECALL = 1", "_AFTER_RECALL = 2", CHOSEN),
    "rehearsal-near": Fault(V, "else self.width) + step", "else 0) + step", CHOSEN),
    "rehearsal-one-side": Fault(V, "for side in (-1, 1)))", "for side in (-1,)))", CHOSEN),
    "rehearsal-one-place": Fault(V, "for step in range(5):", "for step in range(1):", CHOSEN),
    "rehearsal-mean": Fault(H, "stack(errors).log().mean(0).exp()", "stack(errors).mean(0)", CHOSEN),
    "sharpness": Fault(H, "_SHARPNESS = 8", "_SHARPNESS = 1", CHOSEN),
    "surroundings": Fault(V, "_LEAST = 0.25", "_LEAST = 0.1", CHOSEN),
    "longest": Fault(V, "_LONGEST = 2\n", "_LONGEST = 200\n", CHOSEN),
    "neighbourhood": Fault(
        R, "max(0, run.start - width), min(length, run.stop + width)", "run.start, run.stop", CHOSEN),
    "slopes": Fault(A, "(-2.79, 0.342, 0.495, 0.223)", "(-2.79, 0.495, 0.342, 0.223)", EXPECTED),
    "slopes-last": Fault(A, "(-2.79, 0.342, 0.495, 0.223)", "(-2.79, 0.342, 0.223, 0.495)", EXPECTED),
    "constant": Fault(A, "(-2.79, 0.342", "(2.79, 0.342", EXPECTED),
    "edge": Fault(A, '"end": (-0.10, 0.469)', '"end": (0.469, -0.10)', EXPECTED),
    "edge-once": Fault(A, "for stop in (end, end - size):", "for stop in (end,):", EXPECTED),
    "dull": Fault(A, "_DULL = 3.5", "_DULL = 8", EXPECTED),
    "iterations": Fault(J, "iterations: Count = 2", "iterations: Count = 1", PREDICTED),
    "neighbour-gaps": Fault(J, "if run.start - before.stop < width // 2:", "if False:", PREDICTED),
    "interpolation-bounded": Fault(J, "torch.where(peak > limit, limit / peak, 1.0)", "1.0", PREDICTED),
    "loudest": Fault(B, "_LOUDEST = 2.0", "_LOUDEST = 200.0", PREDICTED),
    "damping": Fault(B, "* (-excess.amax(-1, keepdim=True) * t).exp()", "* 1.0", PREDICTED),
    "shortest": Fault(B, "SHORTEST = 32", "SHORTEST = 2", PREDICTED),
    "silent-side": Fault(B, "_SILENT = 1e-4", "_SILENT = 0", PREDICTED),
    "byte-check": Fault(
        P, "return place if np.array_equal(samples.T, reader.read(0, count).numpy(), equal_nan=True) else None",
        "return place", FILES),
    "rf64": Fault(W, "* width > 0xFFFF0000:", "* width > 0xFFFF0000 * 100:", FILES),
    "encoder-tail": Fault(W, "ENCODER_TAIL = 0.05", "ENCODER_TAIL = 5.0", FILES),
    "encoder-tail-none": Fault(W, "ENCODER_TAIL = 0.05", "ENCODER_TAIL = 0.0", FILES),
    "rounding": Fault(W, "np.rint(samples * full)", "np.trunc(samples * full)", FILES),
    "clipping": Fault(W, "-full, full - 1)", "-full, full)", FILES),
    "gaps-that-touch": Fault(G, "start <= merged[-1].stop", "start < merged[-1].stop", FILES),
    "gaps-of-all-channels": Fault(
        G, "if gap.channel in (None, channel)]", "if gap.channel == channel]", FILES),
    "also-confirmed": Fault(E, "_OFF = 0.128, 0.7, 64", "_OFF = 0.128, -1.0, 64", ALSO),
    "also-rehearsed": Fault(V, "(match.lag), model.moved(match.lag))", "(match.lag))", ALSO),
    "also-silence": Fault(E, "missing[near.clamp_max(len(missing) - 1)]", "near < 0", ALSO),
    "also-placed": Fault(V, "4 * count, 1 + self.apart // 8", "count, self.apart", ALSO),
    "long-unlike": Fault(H, "return sketch.left(sizes) / ", "return 1 + 0 * sketch.left(sizes) / ", LONG),
    "long-wrong": Fault(V, "long and wrong and not", "False and not", LONG),
    "long-templates": Fault(R, "(0.25, 1.0)", "()", LONG),
}  # fmt: skip


def copy_to(folder: Path) -> None:
    """Copy the package and its tests: the checkout itself is never edited."""
    for part in (PACKAGE, "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)


@contextmanager
def put_into(place: Path, fault: Fault) -> Iterator[None]:
    """Put a fault into a file for a while; afterwards the file is as old as before, so that what was compiled holds."""
    text, before = place.read_text(), place.stat()
    place.write_text(text.replace(fault.old, fault.new))
    try:
        yield
    finally:
        place.write_text(text)
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))


def run_tests(folder: Path, tests: list[str], limit: float) -> subprocess.CompletedProcess:
    """Run tests of a copy up to the first that fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and they take two seconds
    return subprocess.run(
        command, cwd=folder, env=environment, timeout=limit, capture_output=True, text=True, check=False
    )


def outcome(fault: Fault, folder: Path) -> str:
    """Try one fault in a copy."""
    place = folder / PACKAGE / fault.file
    if (count := place.read_text().count(fault.old) if place.is_file() else 0) != 1:
        return f"NOT TRIED: its text stands there {count} times, not once"
    try:
        with put_into(place, fault):
            done = run_tests(folder, [fault.tests], LIMIT)
    except subprocess.TimeoutExpired:
        return f"killed by taking more than {LIMIT} s"
    if done.returncode == 1:
        failed = next(line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR")))
        return f"killed by {failed.partition('::')[2].partition(' - ')[0]}"
    return "SURVIVED" if done.returncode == 0 else f"NOT TRIED: pytest ended with {done.returncode}"


def outcomes(names: list[str]) -> Iterator[str]:
    """Try faults and yield what became of each, in copies that are compiled once.

    Raises:
        SystemExit: the tests fail without any fault.
    """
    with tempfile.TemporaryDirectory() as place:
        first, *others = (Path(place, str(number)) for number in range(PROCESSES))
        copy_to(first)
        done = run_tests(first, sorted({FAULTS[name].tests for name in names}), LIMIT)
        if done.returncode:
            last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
            sys.exit(f"the tests fail without any fault, so that they would find every one: {' '.join(last)}")
        free = SimpleQueue()
        for folder in (first, *others):
            if folder != first:
                shutil.copytree(first, folder)
            free.put(folder)

        def tried(name: str) -> str:
            folder = free.get()
            try:
                return outcome(FAULTS[name], folder)
            finally:
                free.put(folder)

        with ThreadPoolExecutor(PROCESSES) as pool:
            yield from pool.map(tried, names)


def main(arguments: list[str] | None = None) -> int:
    """Try the faults named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"faults to try, of {', '.join(FAULTS)}")
    names = parser.parse_args(arguments).names or list(FAULTS)
    if unknown := [name for name in names if name not in FAULTS]:
        parser.error(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    survived = 0
    for name, result in zip(names, outcomes(names), strict=True):
        survived += not result.startswith("killed")
        print(f"{name}: {result}", flush=True)
    print(f"{survived} of {len(names)} survived")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
