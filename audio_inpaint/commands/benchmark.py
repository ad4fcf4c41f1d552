"""The command `audio-inpaint benchmark`: its options, and what it does with them."""

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint.commands.number_lists import count, numbers, rising
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.benchmark.cases import Case
    from audio_inpaint.benchmark.setting import Setting
    from audio_inpaint.files.paths import Paths

MASKS, AUDIO, PAGE = "masks.json", "audio", "report.html"  # in OUT
MARK = "benchmark.txt"  # in every OUT that a benchmark has begun

_NO_PRESETS = (  # options that presets do not take
    "scores", "bins", "gap_ms", "cumulative_ms", "columns", "masks", "together", "per_recording", "context_ms", "limit",
    "seconds", "sample_rate", "stereo", "audio",
)  # fmt: skip
_USUAL = "janssen,burg,silence"  # methods

NOTES = """\
Clean audio is taken from folders, searched recursively; KIND=FOLDER names the kind of sound, which otherwise is the
sub-folder's name. A folder in FMA's or NSynth's layout gives its test split alone. Every method gets the same gaps,
drawn from the seed and stored in OUT/masks.json. Restored samples are kept in a cache: the same command again, or one
with another method or score, computes only what is new, and an interrupted one goes on. Under torchrun or SLURM each
process takes its share of the cases; OUT and the cache must then lie on a disk that all of them see.

examples:
  audio-inpaint benchmark demo/clips -o runs/benchmark --methods janssen,burg,ce_music,silence
  audio-inpaint benchmark music=data/open/music notes=data/open/notes -o runs/open --gap-ms 20,40,64,80 --limit 100
  audio-inpaint benchmark clips/ -o runs/sets --cumulative-ms 200,400,600 --methods janssen,dpai_fast --scores nmse_miss
  audio-inpaint benchmark clips/ -o runs/columns --columns 4,6 --methods janssen,dpai_fast
  audio-inpaint benchmark --preset ce-table4 --quick music=data/open/music notes=data/open/notes -o runs/ce-table4
"""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of `audio-inpaint`; nothing heavy is imported before it runs."""
    parser = commands.add_parser(
        "benchmark",
        help="make gaps in clean audio, restore them by several methods, score and show the results",
        description="Make gaps in clean audio, restore them by every method, score them, write tables and a report.",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="clean audio: FOLDER, FILE or KIND=FOLDER")
    parser.add_argument("-o", "--output", metavar="OUT", help="folder for tables, masks and report.html")
    parser.add_argument(
        "--methods", metavar="A,B",
        help="as `methods` lists them, checkpoint files, FILE.py:CLASS or MODULE:CLASS, each with options if need be "
        f"(janssen:iterations=5); the first is the reference of paired differences; {_USUAL} if left out; a preset "
        "compares them beside its own",
    )  # fmt: skip
    parser.add_argument(
        "--scores",
        metavar="A,B",
        help="snr_td, snr_ms, lsd, level_bias, level_abs, nmse_tot, nmse_miss, pesq, pesq_gain, stoi, odg",
    )
    parser.add_argument(
        "--bins",
        metavar="A,B",
        help="adds tables by what the reference reached in the first score: below A, A to B, above B",
    )
    gaps = parser.add_mutually_exclusive_group()
    gaps.add_argument(
        "--gap-ms", metavar="MS,..", help="single gaps of these lengths, each alone; 64 if left out; `field` is 10-200"
    )
    gaps.add_argument(
        "--cumulative-ms", metavar="MS,..", help="sets of gaps of 40-80 ms that add up to these; `paper` is 200-1000"
    )
    gaps.add_argument(
        "--columns", metavar="N,..", help="protocol columns: runs of N lost spectrogram columns (32 ms each)"
    )
    gaps.add_argument(
        "--masks", type=Path, metavar="FILE", help="the masks.json of an earlier benchmark, with its recordings"
    )
    parser.add_argument(
        "--together", type=count, default=1, metavar="N",
        help="gaps of --gap-ms in each mask, spread over the recording, default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--per-recording", type=count, default=1, metavar="N",
        help="masks of each size per recording, default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--context-ms", type=float, default=128.0, metavar="MS",
        help="kept free on each side of a single gap, default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--limit", type=count, metavar="N", help="recordings of each kind, chosen by the seed; all if left out"
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="use only S seconds from the middle of each recording"
    )
    parser.add_argument(
        "--sample-rate", type=count, metavar="HZ", help="resample to it; each recording's own if left out"
    )
    parser.add_argument("--stereo", action="store_true", help="keep all channels; they are averaged otherwise")
    parser.add_argument("--preset", metavar="NAME", help="an experiment of docs/benchmark.md; `list` names them")
    parser.add_argument("--quick", action="store_true", help="a preset's form that ends in minutes on two cores")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="random seed of all choices, default %(default)s"
    )
    parser.add_argument("--workers", type=count, metavar="N", help="processes, default the number of cores")
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="device for methods that can use a GPU, such as cuda; default the processor",
    )
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="folder of restored samples, default OUT/cache")
    parser.add_argument("--audio", action="store_true", help="write every case's audio too, for a listening test")
    parser.set_defaults(run=run, usual=parser.get_default)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code, 2 where some cases could not be restored."""
    if arguments.preset == "list":
        from audio_inpaint.benchmark.presets import names

        width = max(map(len, names()))
        print(*(f"{name:{width}}  {description}" for name, description in names().items()), sep="\n")
        return 0
    if not arguments.output:
        raise InputError("no folder is named for the results: add -o OUT")
    _check_options(arguments)
    from audio_inpaint.files.folders import check_folder, made_for

    folder = Path(arguments.output)
    check_folder(folder, MARK)
    with made_for(folder, MARK), tempfile.TemporaryDirectory() as elsewhere:
        setting = _setting(arguments)
        from audio_inpaint.benchmark.setting import first

        if not first():  # the first process writes; the others' tables are the same
            setting = setting.into(Path(elsewhere))
        return _preset(setting, arguments) if arguments.preset else _benchmark(setting, arguments)


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that would be ignored."""
    if arguments.quick and not arguments.preset:
        raise InputError("--quick is a preset's shorter form: add --preset, or leave it out")
    given = [name for name in _NO_PRESETS if getattr(arguments, name) != arguments.usual(name)]
    if arguments.preset and given:
        option = given[0].replace("_", "-")
        raise InputError(f"the preset {arguments.preset} says itself what --{option} would: leave one of them out")


def _setting(arguments: argparse.Namespace) -> "Setting":
    from audio_inpaint.benchmark.setting import Setting, cores
    from audio_inpaint.methods.device import checked_device

    folder = Path(arguments.output)
    return Setting(
        folder=folder,
        cache=arguments.cache or folder / "cache",
        workers=arguments.workers or cores(),
        seed=arguments.seed,
        quick=arguments.quick,
        sources=tuple(arguments.sources),
        command=arguments.line,
        device=checked_device(arguments.device),
        methods=methods_of(arguments.methods or ""),
    )


def _preset(setting: "Setting", arguments: argparse.Namespace) -> int:
    from audio_inpaint.benchmark.presets import preset
    from audio_inpaint.benchmark.sources import named

    work, folder = preset(arguments.preset, setting.methods), Path(arguments.output)
    paths = _results(folder)
    paths.owns(folder, "the folder of the results")
    for source in setting.sources:
        paths.reads(named(source)[1], "the source")
    _read_methods(paths, setting.methods)
    paths.check()
    _begin(folder)
    outcome = work(setting)
    print(outcome.table)
    if outcome.results is None:
        print(f"results: {setting.folder}")
        return 0
    return _report(setting, outcome.results, audio=False)


def _benchmark(setting: "Setting", arguments: argparse.Namespace) -> int:
    from audio_inpaint.benchmark import cases, scoring, statistics

    chosen = cases.read(arguments.masks) if arguments.masks else _drawn(setting, arguments)
    if not chosen:
        raise InputError("no gap fits in this audio: give longer or louder recordings, or shorter gaps")
    protocol = "columns" if any("column" in case.mask.label for case in chosen) else "time"
    scores = tuple(arguments.scores.split(",")) if arguments.scores else scoring.USUAL[protocol]
    if unknown := [name for name in scores if name not in scoring.BY_PROTOCOL[protocol]]:
        known = ", ".join(scoring.BY_PROTOCOL[protocol])
        raise InputError(f"no score of the protocol {protocol} is called {unknown[0]!r}; choose from {known}")
    methods = setting.methods or methods_of(_USUAL)
    bounds = rising(arguments.bins) if arguments.bins else ()
    if _check(chosen, methods, arguments):
        cases.write(setting.folder / MASKS, chosen, setting.seed)
    results = replace(setting.benchmark(methods, chosen, scores, protocol), bins=bounds)
    labelled = results.labelled()
    print(statistics.text_table(statistics.tables(labelled), labelled.methods))
    return _report(setting, results, arguments.audio)


def _check(chosen: "list[Case]", methods: Sequence[str], arguments: argparse.Namespace) -> bool:
    """Refuse to write over what is read, and methods that there are not; returns whether masks.json is to be written.

    Every process of torchrun or SLURM looks at the same output.
    """
    from audio_inpaint.benchmark.case_files import are_cases
    from audio_inpaint.files.folders import check_own
    from audio_inpaint.files.paths import identity

    folder = Path(arguments.output)
    paths = _results(folder)
    for sound in dict.fromkeys(case.recording.path for case in chosen):
        paths.reads(sound, "the recording")
    _read_methods(paths, methods)
    if arguments.audio:
        check_own(folder / AUDIO, are_cases)
        paths.owns(folder / AUDIO, "the folder that --audio replaces,")
    again = arguments.masks is not None and identity(arguments.masks) == identity(folder / MASKS)
    if arguments.masks:
        paths.reads(arguments.masks, "the file of masks")
    if not again:
        paths.writes(folder / MASKS, "the masks", kept=True)
    paths.check()
    _begin(folder)
    return not again


def _read_methods(paths: "Paths", methods: Sequence[str]) -> None:
    """Add the files of methods to those that are read; raises InputError if there is no such method."""
    from audio_inpaint.methods.registry import files_of, fingerprint

    for spec in methods:
        fingerprint(spec)
        for file in files_of(spec):
            paths.reads(file, "the method's file")


def _results(folder: Path) -> "Paths":
    """Collect what every benchmark writes in the end; it may replace that of an earlier one.

    Raises:
        InputError: a folder of such a name is there that no benchmark wrote.
    """
    from audio_inpaint.benchmark.report import are_sounds, sound_folder
    from audio_inpaint.files.folders import check_own
    from audio_inpaint.files.paths import Paths

    check_own(sound_folder(folder / PAGE), are_sounds)
    paths = Paths()
    for name in ("rows.csv", "table.csv", "results.json", PAGE):
        paths.writes(folder / name, "the result", kept=True)
    return paths


def _begin(folder: Path) -> None:
    """Mark a folder as a benchmark's: every process of torchrun or SLURM does, before it writes anything else there."""
    try:
        text = "audio-inpaint benchmark writes to this folder, and may replace the files in it.\n"
        (folder / MARK).write_text(text, encoding="utf-8")  # no temporary file, which others might take for the user's
    except OSError as error:
        raise InputError(f"{folder / MARK} cannot be written: {error.strerror}") from error


def methods_of(text: str) -> tuple[str, ...]:
    """Split a list of methods: at commas, but for those in brackets and those before an option of the same method.

    >>> methods_of("janssen:iterations=5,order=100,burg,recall:templates=[0.032,0.064]+matches=4")
    ('janssen:iterations=5,order=100', 'burg', 'recall:templates=[0.032,0.064],matches=4')
    """
    from audio_inpaint.methods.option_text import at_commas

    found: list[str] = []
    for part in at_commas(re.sub(r"\+(?=[A-Za-z_][\w.]*=)", ",", text)):
        if found and re.match(r"[A-Za-z_][\w.]*=", part):
            found[-1] += f",{part}"
        elif part:
            found.append(part)
    return tuple(found)


def _drawn(setting: "Setting", arguments: argparse.Namespace) -> "list[Case]":
    from audio_inpaint.benchmark import masks
    from audio_inpaint.benchmark.restoration import hop_length
    from audio_inpaint.benchmark.sources import recordings

    if not setting.sources:
        raise InputError("no clean audio is named: give a folder, such as demo/clips")
    found = recordings(
        setting.sources, arguments.limit, arguments.seconds, arguments.sample_rate, not arguments.stereo, setting.seed
    )
    number, seed, cases = arguments.per_recording, setting.seed, []
    for index, recording in enumerate(found):
        try:
            if arguments.columns:
                hop = hop_length(recording.audio()[1])
                cases += masks.columns(recording, index, numbers(arguments.columns, int), number, hop, seed)
            elif arguments.cumulative_ms:
                sizes = masks.CUMULATIVE_MS if arguments.cumulative_ms == "paper" else numbers(arguments.cumulative_ms)
                cases += masks.cumulative(recording, index, sizes, number, seed)
            else:
                given = arguments.gap_ms or "64"
                sizes = masks.FIELD_MS if given == "field" else numbers(given)
                cases += masks.single(recording, index, sizes, number, arguments.context_ms, seed, arguments.together)
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)
    return cases


def _report(setting: "Setting", results, audio: bool) -> int:
    from audio_inpaint.benchmark.report import write_audio, write_benchmark_report
    from audio_inpaint.benchmark.results import write_details, write_rows
    from audio_inpaint.benchmark.statistics import costs, costs_table, tables, write_table

    write_rows(setting.folder / "rows.csv", results)
    write_table(
        setting.folder / "table.csv", tables(results), ("kind", "mask", "bin") if results.bins else ("kind", "mask")
    )
    write_details(setting.folder / "results.json", results)
    write_benchmark_report(setting.folder / PAGE, results, setting.command)
    if audio:
        write_audio(setting.folder / AUDIO, results)
    labelled = results.labelled()
    print("", costs_table(costs(labelled.rows, labelled.methods)), "", sep="\n")
    print(f"report: {setting.folder / 'report.html'}; every case in rows.csv, the table in table.csv beside it")
    for failure in results.failures[:20]:
        print(f"failed: {failure.method} on {failure.case.name}: {failure.reason}", file=sys.stderr)
    if results.failures:
        traced = any(failure.traceback for failure in results.failures)
        where = f"; tracebacks are in {setting.folder / 'results.json'}" if traced else ""
        total = len(results.failures) + len(results.rows)
        raise InputError(f"{len(results.failures)} of {total} restorations failed{where}")
    return 0
