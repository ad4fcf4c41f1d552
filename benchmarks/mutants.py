"""Put one fault at a time into a copy of the package and name those that the tests of the default method let live.

Run it from the repository: `python benchmarks/mutants.py`, or `make mutants`. It ends with 1 if more than 2 survive.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ["tests/test_ingredients.py", "tests/test_ingredients_files.py"]
LIMIT = 300  # seconds for the tests of one mutant
ALLOWED = 2
PROCESSES = 2

R = "methods/recall/recall.py"
A = "methods/recall/auto.py"
N = "methods/recall/recollection.py"
H = "methods/recall/rehearsal.py"
J, B, C, S = "methods/janssen.py", "methods/burg.py", "dsp/coherence.py", "dsp/template_search.py"
P, F, G, W = "files/patching.py", "files/recording.py", "gaps.py", "files/formats.py"
# File, old text, which stands there exactly once, new text.
MUTANTS = [
    (N, "return coherent(total, target, (slice(before, hole.start), slice(hole.stop, after)), sample_rate), gains",
     "return total, gains"),
    (N, "_RIDGE = 0.1", "_RIDGE = 10.0"),
    (N, "_RIDGE = 0.1", "_RIDGE = 0.01"),
    (N, "((1 - likeness) / likeness + 0.01)", "0.01"),
    (N, "segments.new_tensor(fractions)", "0 * segments.new_tensor(fractions)"),
    (N, "MARGIN = 64", "MARGIN = 1"),
    (N, "to(torch.float64, copy=True)", "to(torch.float32, copy=True)"),
    (C, "by_chance = 1 / values", "by_chance = 0 / values"),
    (C, "_ENOUGH = 1 / 3", "_ENOUGH = 1 / 300"),
    (R, "(1.0, 1.5, 2.0, 0.5, 0.25, 0.1875)", "(1.0,)"),
    (R, "self.recall.contexts[:2]", "self.recall.contexts"),
    (R, "self.order * (1 + i % 2)", "self.order"),
    (R, "side * (size + self.width + step", "side * (size + step"),
    (R, "for side in (-1, 1):", "for side in (-1,):"),
    (R, "for step in range(5):", "for step in range(1):"),
    (R, "_LEAST = 0.25", "_LEAST = 0.1"),
    (R, "_LONGEST = 2\n", "_LONGEST = 200\n"),
    (R, "_APART = 0.002", "_APART = 0.2"),
    (R, "_AFTER_RECALL = 1", "_AFTER_RECALL = 2"),
    (R, "within.start - context.start + MARGIN", "within.start - context.start"),
    (R, "max(0, run.start - width), min(length, run.stop + width)", "run.start, run.stop"),
    (A, "SLOPES = (0.342, 0.495, 0.223)", "SLOPES = (0.495, 0.342, 0.223)"),
    (A, "CONSTANT = -2.79", "CONSTANT = 2.79"),
    (A, "EDGE = (-0.59, 1.057)", "EDGE = (0.59, 1.057)"),
    (A, "_DULL = 3.5", "_DULL = 8"),
    (A, "for stop in (end, end - size):", "for stop in (end,):"),
    (H, "_SHARPNESS = 8", "_SHARPNESS = 1"),
    (H, ".log().mean(0).exp()", ".mean(0)"),
    (S, "abs(match.lag - other.lag) >= spacing", "abs(match.lag - other.lag) >= 0"),
    (J, "iterations: Count = 2", "iterations: Count = 1"),
    (J, "if run.start - before.stop < width // 2:", "if False:"),
    (J, "torch.where(peak > limit, limit / peak, 1.0)", "1.0"),
    (B, "_LOUDEST = 2.0", "_LOUDEST = 200.0"),
    (B, "SHORTEST = 32", "SHORTEST = 2"),
    (B, "_SILENT = 1e-4", "_SILENT = 0"),
    (B, "* (-excess.amax(-1, keepdim=True) * t).exp()", "* 1.0"),
    (P, "return place if np.array_equal(samples.T, reader.read(0, count).numpy(), equal_nan=True) else None",
     "return place"),
    (W, "* width > 0xFFFF0000:", "* width > 0xFFFF0000 * 100:"),
    (F, "ENCODER_TAIL = 0.05", "ENCODER_TAIL = 5.0"),
    (W, "np.rint(samples * full)", "np.trunc(samples * full)"),
    (W, "-full, full - 1)", "-full, full)"),
    (G, "start <= merged[-1].stop", "start < merged[-1].stop"),
    (G, "if gap.channel in (None, channel)]", "if gap.channel == channel]"),
]  # fmt: skip


def outcome(mutant: tuple[str, str, str]) -> str:
    file, old, new = mutant
    with tempfile.TemporaryDirectory() as folder:
        for part in ("audio_inpaint", "tests"):
            shutil.copytree(ROOT / part, Path(folder, part), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        place = Path(folder, "audio_inpaint", file)
        place.write_text(place.read_text().replace(old, new))
        kind = {"cwd": folder, "env": {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}, "timeout": LIMIT}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS]
        try:
            code = subprocess.run(command, capture_output=True, check=False, **kind).returncode
        except subprocess.TimeoutExpired:
            return "killed (time)"
        return {0: "SURVIVED", 1: "killed"}.get(code, f"NOT TESTED (pytest ended with {code})")


def main() -> int:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    for file, old, _ in MUTANTS:
        if (count := (ROOT / "audio_inpaint" / file).read_text().count(old)) != 1:
            sys.exit(f"{file} holds {count} times, not once: {old!r}")
    found = []
    with ThreadPoolExecutor(PROCESSES) as pool:
        for (file, old, new), result in zip(MUTANTS, pool.map(outcome, MUTANTS), strict=True):
            found.append(result)
            print(f"{result:10} {file}: {old.strip()} -> {new.strip()}", flush=True)
    alive = [result for result in found if not result.startswith("killed")]
    print(f"{len(found) - len(alive)} of {len(found)} killed")
    return int(len(alive) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
