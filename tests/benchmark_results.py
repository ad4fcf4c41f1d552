"""Results of benchmarks as the engine leaves them: noise and tones, restored, with the restored samples in a cache."""

import base64
import zlib
from dataclasses import replace

import numpy as np
import soundfile
import torch

from audio_inpaint.benchmark import cache
from audio_inpaint.benchmark.cases import Case, Mask, Recording
from audio_inpaint.benchmark.restoration import restore
from audio_inpaint.benchmark.results import Failure, Results, Row, kept
from audio_inpaint.benchmark.scoring import score
from audio_inpaint.gaps import Gap
from audio_inpaint.methods import registry as methods

RATE = 8000
METHODS = ("janssen", "burg", "silence")
SCORES = ("snr_td", "lsd")
HOSTILE = "</script><img src=x onerror=\"document.title='pwned'\"> & 'quoted'"


def recording(folder, kind, number, seconds=2.0):
    """Noise and tones in a file."""
    generator = np.random.default_rng([number, len(kind)])
    time = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * f * time) for f in generator.uniform(100, 2000, 4))
    path = folder / f"{kind}{number}.wav"
    soundfile.write(path, 0.1 * tones + 0.02 * generator.standard_normal(len(time)), RATE, subtype="FLOAT")
    return Recording(f"{kind}/{number}", kind, path)


def rows_of(folder, case, names, protocol="time"):
    """What the engine makes of a case."""
    truth, rate = case.recording.audio()
    for name in names:
        restored = restore(methods.method(name), truth, case.mask.gaps, rate, protocol)
        key = cache.key(name, protocol, case.identity)
        scores = score(SCORES, restored, truth, case, rate)
        cache.save(folder / "cache", key, cache.Entry(kept(restored, case, protocol), 0.25, 12.0, scores))
        yield Row(name, case, scores, 0.25, 12.0, key)


def few(folder):
    """Two kinds of sound, two sizes of gaps, three methods, of which one failed once."""
    cases = []
    for number in range(4):
        sound = recording(folder, ("music", "speech")[number % 2], number)
        sound = replace(sound, name=f"{sound.name} {HOSTILE}") if number == 2 else sound
        cases.append(Case(sound, Mask("20 ms", 20, (Gap(8000, 8160),))))
        first = 3000 + 100 * number
        cases.append(Case(sound, Mask("60 ms in two gaps", 60, (Gap(first, first + 240), Gap(9000, 9240)))))
    rows = [row for case in cases for row in rows_of(folder, case, METHODS)]
    failures = [Failure("burg", rows.pop(-2).case, "too <short>")]
    return Results("time", METHODS, SCORES, rows, failures, folder / "cache", {"seed": "3", "machine": "two cores"})


def many(folder):
    """A thousand cases, whose restored samples are the same for all."""
    sounds = [recording(folder, ("music", "speech")[number % 2], number, 1.0) for number in range(10)]
    generator = np.random.default_rng(0)
    samples = torch.as_tensor(0.1 * generator.standard_normal((1, 160))).float()
    cache.save(folder / "cache", "shared", cache.Entry(samples, 0.1, 1.0, {}))
    masks = [Mask(f"{10 + n % 5} ms", 10 + n % 5, (Gap(2000 + n, 2160 + n),)) for n in range(1000)]
    cases = [Case(sounds[n // 100], mask, n) for n, mask in enumerate(masks)]
    rows = [
        Row(name, case, {"snr_td": generator.normal(5), "lsd": generator.normal(3)}, 0.1, 1.0, "shared")
        for case in cases
        for name in METHODS[:2]
    ]
    return Results("time", METHODS[:2], SCORES, rows, [], folder / "cache")


def pcm_of(player):
    """The samples of every source of a player, by the documented storage alone."""
    first, *others = (np.frombuffer(zlib.decompress(base64.b64decode(s["audio"])), "<i2") for s in player["sources"])
    return {
        source["name"]: samples
        for source, samples in zip(player["sources"], [first, *(first + o for o in others)], strict=True)
    }
