"""The tables of docs/refiner.md: what the refiner makes of the fills that recall knows, gap by gap.

Every gap is restored by recall alone, which the others are compared with, pair by pair: all together, and by what it
reached. The refiner must help where little is known, and leave what is known well as it is.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audio_inpaint.benchmark.cases import Case, Recording, write
from audio_inpaint.benchmark.masks import single
from audio_inpaint.benchmark.presets import Outcome
from audio_inpaint.benchmark.setting import Setting
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.benchmark.statistics import tables, text_table
from audio_inpaint.errors import InputError

ALONE, JANSSEN, FLOOR, REFINED = "auto:refine=false", "janssen", "auto:natural=0", "auto"
SCORES = ("snr_td", "snr_ms", "lsd", "level_bias", "level_abs", "odg")
OF_SPEECH = (*SCORES, "pesq", "stoi")
BINS = (3, 10, 20)  # dB of SNR_TD that recall alone reached
GAP_MS, LENGTHS_MS = 64, (20, 40, 120, 200)
CONTEXT_MS = 350  # so that the same length can be rehearsed on both sides of all of them
SAMPLE_RATE = 16000  # Hz
SECONDS = 30.0  # of a recording that are searched
GAPS, GAPS_OF_A_LENGTH, GAPS_OF_RATES, CLIPS_OF_SPEECH = 170, 40, 30, 50
QUICK = 10  # gaps of each kind and length
MUSIC, NOTES, SPEECH = Path("data/open/music"), Path("data/open/notes"), Path("data/open/speech/test")


def gaps(setting: Setting) -> Outcome:
    """Gaps of 64 ms at 16 kHz, with what the noise floor does without a network."""
    found = _cases(setting, {"music": MUSIC, "notes": NOTES}, GAPS)
    return _compared(setting, found, (ALONE, JANSSEN, FLOOR, REFINED), SCORES)


def lengths(setting: Setting) -> Outcome:
    """Gaps of 20 to 200 ms at 16 kHz."""
    found = _cases(setting, {"music": MUSIC}, GAPS_OF_A_LENGTH, LENGTHS_MS)
    return _compared(setting, found, (ALONE, JANSSEN, REFINED), SCORES)


def rates(setting: Setting) -> Outcome:
    """Gaps of 64 ms at the recordings' own rates, in all channels."""
    found = _cases(setting, {"music": MUSIC}, GAPS_OF_RATES, sample_rate=None)
    return _compared(setting, found, (ALONE, JANSSEN, REFINED), SCORES)


def speech(setting: Setting) -> Outcome:
    """Four gaps of 64 ms in each recording of speech.

    Raises:
        InputError: the extra `metrics` is missing, too.
    """
    found = _cases(setting, {"speech": SPEECH}, CLIPS_OF_SPEECH, together=4)
    return _compared(setting, found, (ALONE, JANSSEN, REFINED), OF_SPEECH)


def _cases(
    setting: Setting,
    usual: Mapping[str, Path],
    wanted: int,
    gap_ms: Sequence[float] = (GAP_MS,),
    together: int = 1,
    sample_rate: int | None = SAMPLE_RATE,
) -> list[Case]:
    """Draw cases of the given sources, or of the open corpus, evenly spread over the recordings of each kind.

    Args:
        setting: its sources and seed, and whether few are enough.
        usual: kind of sound -> folder, where no source is named.
        wanted: of each kind and length.
        gap_ms: lengths.
        together: gaps of a case.
        sample_rate: Hz, of one channel; None leaves rates and channels as they are.

    Raises:
        InputError: there are no sources, or nothing sounds in them for long enough.
    """
    sources = setting.sources or [f"{kind}={folder}" for kind, folder in usual.items() if folder.is_dir()]
    if not sources:
        named = " ".join(f"{kind}=FOLDER" for kind in usual)
        raise InputError(f"no clean audio is named: give {named}, or build the open corpus in data/open")
    wanted = min(wanted, QUICK) if setting.quick else wanted
    found = recordings(sources, wanted, SECONDS, sample_rate, mono=sample_rate is not None, seed=setting.seed)
    by_kind: dict[str, list[Recording]] = {}
    for recording in found:
        by_kind.setdefault(recording.kind, []).append(recording)
    cases = []
    for own in by_kind.values():
        for index, recording in enumerate(own):
            each = wanted * (index + 1) // len(own) - wanted * index // len(own)
            try:
                cases += single(recording, index, gap_ms, each, CONTEXT_MS, setting.seed, together)
            except InputError as error:
                print(f"left out: {error}", file=sys.stderr)
    if not cases:
        raise InputError(f"no gap fits: give recordings that sound, of {together} s or more")
    return cases


def _compared(setting: Setting, cases: Sequence[Case], methods: Sequence[str], scores: Sequence[str]) -> Outcome:
    """Restore cases by methods, of which the first is the reference, and by those of the setting."""
    write(setting.folder / "masks.json", list(cases), setting.seed)
    names = list(dict.fromkeys([*methods, *setting.methods]))
    results = replace(setting.benchmark(names, cases, scores), bins=BINS)
    labelled = results.labelled()
    return Outcome(text_table(tables(labelled), labelled.methods), results)
