"""`python -m tests.fuzz --minutes 30 --seed N`: random command lines for so long; then, with --kills N, kills."""

import argparse
import random
import shlex
import sys
import tempfile
import time
from pathlib import Path

from .kills import COMMANDS, killed
from .lines import make_world, random_line
from .trial import digests, faults, main_of

LINES = 60  # on the files of a world


def lines(minutes: float, seed: int) -> tuple[int, list[str]]:
    """Try random command lines; returns how many, and what went wrong."""
    import torch

    from audio_inpaint.nn.checkpoints import FOLDER

    checkpoint = torch.load(FOLDER / "ce_music.pt", weights_only=True)
    torch.set_num_threads(1)
    for program in ("audio-inpaint", "audio-inpaint-data", "train"):
        main_of(program)

    until, tried, wrong, number = time.monotonic() + 60 * minutes, 0, [], 0
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            chance = random.Random(f"{seed} {number}")
            world = make_world(Path(folder), chance, checkpoint)
            given = digests(world.root / "in")
            for _ in range(LINES):
                line = random_line(world, chance)
                for fault in faults(line, world, given):
                    wrong.append(
                        f"seed {seed}, world {number}: {line.program} {shlex.join(line.arguments)}\n    {fault}"
                    )
                    print(wrong[-1], flush=True)
                tried += 1
                given = digests(world.root / "in")
                if time.monotonic() > until:
                    break
        number += 1
    return tried, wrong


def main() -> int:
    """Run what the command line asks for; returns 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0, help="of random command lines")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--kills", type=int, default=0, help="moments at which each command is killed")
    options = parser.parse_args()
    tried, wrong = lines(options.minutes, options.seed) if options.minutes else (0, [])
    chance = random.Random(options.seed)
    for command in COMMANDS if options.kills else ():
        for fault in killed(command, options.kills, chance):
            wrong.append(f"{command}: {fault}")
            print(wrong[-1], flush=True)
    print(f"{tried} command lines, {options.kills * len(COMMANDS)} kills, {len(wrong)} faults")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
