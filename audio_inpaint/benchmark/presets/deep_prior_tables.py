"""Figs. 8 to 10 and Table III of the deep-prior paper: its method and its rivals on sets of gaps.

All is of the protocol `time`. The paper is not: its published code gives its method, and that alone, all other columns
of the undamaged spectrogram, which still hold samples of the gaps. So no NMSE or PESQ of the paper stands in a table.

Source: Miotello et al., 2023, "Deep prior-based audio inpainting using multi-resolution harmonic convolutional neural
networks", section IV.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from audio_inpaint.benchmark.case_files import write_audio
from audio_inpaint.benchmark.cases import Case, Recording, lost, write
from audio_inpaint.benchmark.masks import CUMULATIVE_MS, cumulative
from audio_inpaint.benchmark.presets import Outcome
from audio_inpaint.benchmark.presets.paper_table import aligned, canvas, plain
from audio_inpaint.benchmark.results import Results
from audio_inpaint.benchmark.setting import Setting, shared
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.benchmark.statistics import Summary, summaries, text_table, write_table
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.listening import plausibility
from audio_inpaint.listening.analysis import ALL, write_rows
from audio_inpaint.listening.figure import draw
from audio_inpaint.listening.levels import equalised
from audio_inpaint.listening.page import write_test
from audio_inpaint.listening.responses import collected
from audio_inpaint.listening.stimuli import questions
from audio_inpaint.methods.option_text import split
from audio_inpaint.report.spectrogram_picture import figure
from audio_inpaint.scores.registry import SCORES

CLIPS = Path("demo/clips")  # where no source is given; a file's name begins with its kind of sound
SECONDS, SAMPLE_RATE = 5.0, 16000  # of a signal, section IV-B
EACH = 5  # signals of a kind; the paper has 15 of three kinds
QUICK_SECONDS, QUICK_EACH, QUICK_MS = 2.0, 1, (100, 300)  # 5 and 15 % are lost
# The paper's method, which is the reference, and its rivals; what this package has for such gaps; and the least of all.
METHODS = ("dpai", "caw", "sga", "recall", "janssen", "silence")
QUICK_METHODS = ("dpai_fast:steps=300", "caw:epochs=40,width=16", "sga", "recall", "janssen", "silence")
PAPER_SHARES = {"dpai": 69, "caw": 10, "sga": 21}  # %, Table III: chosen as the most plausible, by 11 listeners
QUESTIONS = 10  # of the listening test, section IV-D
SPEECH = "speech"

PROTOCOL = """\
Protocol time: no method sees a lost sample, and each returns the known ones. The paper's method was given all other
columns of the undamaged spectrogram, which still hold samples of the gaps: another protocol, whose figures are not
comparable with these."""
LOWER = "NMSE and LSD are the better the lower, and so are differences in them."
FIG8_NOTE = "There, the paper's DPAI is at least 3.3 dB (NMSE_tot) and 3 dB (NMSE_miss) below CAW and SGA."
FIG10_NOTE = "There, the paper's DPAI gains more than CAW and SGA; it prints no figures."


def fig8(setting: Setting) -> Outcome:
    """NMSE of the whole signal and of the lost samples, against the duration of all gaps."""
    results = _restored(setting, cases(setting), ("nmse_tot", "nmse_miss"))
    rows = _written(setting, "dpai-fig8", results)
    _draw_curves(setting.folder / "dpai-fig8.png", results, rows)
    return Outcome(_text("Fig. 8", setting, results, rows, FIG8_NOTE, LOWER), results)


def fig9(setting: Setting) -> Outcome:
    """Spectrograms of one signal: damaged, restored by every method, original."""
    case = example(cases(setting))
    results = _restored(setting, [case], ("nmse_tot", "nmse_miss", "lsd"))
    rows = _written(setting, "dpai-fig9", results)
    truth, sample_rate = case.recording.audio()
    panels = {"damaged": truth.masked_fill(lost(case, truth.shape[-1]), 0)[0]}
    panels |= {short(name): results.restored(row)[0] for name, row in results.of(case).items() if name != "silence"}
    panels["original"] = truth[0]
    with replacing(setting.folder / "dpai-fig9.png") as temporary:
        figure(panels, case.mask.gaps, sample_rate, temporary, columns=2)
    return Outcome(_text(f"Fig. 9, {case.recording.name}", setting, results, rows, LOWER), results)


def fig10(setting: Setting) -> Outcome:
    """PESQ gain on speech, against the duration of all gaps.

    Raises:
        InputError: no source is speech, or the package pesq is missing.
    """
    speech = [case for case in cases(setting) if case.recording.kind == SPEECH]
    if not speech:
        raise InputError(f"no source is called {SPEECH}: name one, as in {SPEECH}=FOLDER")
    results = _restored(setting, speech, ("pesq_gain", "pesq"))
    rows = _written(setting, "dpai-fig10", results)
    _draw_curves(setting.folder / "dpai-fig10.png", results, [row for row in rows if row.score == "pesq_gain"])
    return Outcome(_text("Fig. 10", setting, results, rows, FIG10_NOTE), results)


def table3(setting: Setting) -> Outcome:
    """The listening test: its stimuli and page; or, where answers are collected, its table beside the paper's.

    Raises:
        InputError: answers cannot be used, or a restoration is missing.
    """
    answers = setting.folder / "answers"
    if found := shared(lambda rank, ranks: [] if rank else sorted(map(str, answers.glob("*.json")))):
        return Outcome(_answered(setting.folder, [Path(path) for path in found]))
    drawn = cases(setting)
    places = np.random.default_rng(setting.seed).permutation(len(drawn))[:QUESTIONS]
    results = _restored(setting, [drawn[place] for place in sorted(places)], ("nmse_miss",), tuple(PAPER_SHARES))
    stimuli, page = setting.folder / "stimuli", setting.folder / "listening_test.html"
    write_audio(stimuli, results)
    asked, _ = equalised(questions(stimuli, "plausibility"))
    test = write_test(page, asked, "plausibility", "Which restoration is the most plausible?", setting.seed)
    rows = _written(setting, "dpai-table3", results)
    how = (
        f"The listening test {test}, of {len(asked)} questions, is {page}. Send it to listeners: it opens in a\n"
        f"browser and saves their answers as a JSON file. Put these files into {answers}\n"
        "and run the same command again for Table III."
    )
    return Outcome(f"{_text('What is listened to', setting, results, rows)}\n\n{how}", results)


# -- what is restored, and by what ---------------------------------------------------------------------------------


def cases(setting: Setting) -> list[Case]:
    """Draw the signals and their gaps: one set of gaps of each duration in each signal.

    Raises:
        InputError: there are no signals, or no gaps fit.
    """
    found = signals(setting, QUICK_EACH if setting.quick else EACH)
    sizes = QUICK_MS if setting.quick else CUMULATIVE_MS
    drawn = [case for i, signal in enumerate(found) for case in cumulative(signal, i, sizes, 1, setting.seed)]
    if not drawn:
        raise InputError(f"no gaps fit: give recordings of {seconds(setting):g} s or more that are not silent")
    return drawn


def signals(setting: Setting, each: int) -> list[Recording]:
    """Choose signals of the given sources, or of the demonstration's clips.

    Args:
        setting: its sources and seed, and whether it is the quick form.
        each: how many of a kind of sound.

    Raises:
        InputError: there are none.
    """
    sources = setting.sources or [f"{file.stem.partition('_')[0]}={file}" for file in sorted(CLIPS.glob("*.flac"))]
    if not sources:
        raise InputError(
            f"no clean audio is named and {CLIPS} is not here: give piano=FOLDER music=FOLDER speech=FOLDER"
        )
    return recordings(sources, each, seconds(setting), SAMPLE_RATE, seed=setting.seed)


def seconds(setting: Setting) -> float:
    """Length of a signal."""
    return QUICK_SECONDS if setting.quick else SECONDS


def example(drawn: Sequence[Case]) -> Case:
    """The case to look at: the first signal with the most gaps."""
    return [case for case in drawn if case.recording == drawn[0].recording][-1]


def short(method: str) -> str:
    """Return a method's name without its options."""
    return split(method)[0]


def _restored(setting: Setting, chosen: Sequence[Case], scores: Sequence[str], only: Sequence[str] = ("",)) -> Results:
    """Restore cases by the methods whose names begin as wanted; by default by all, and by those of the setting."""
    write(setting.folder / "masks.json", list(chosen), setting.seed)
    compared = dict.fromkeys([*(QUICK_METHODS if setting.quick else METHODS), *setting.methods])
    return setting.benchmark([name for name in compared if name.startswith(tuple(only))], chosen, scores)


# -- what is shown -------------------------------------------------------------------------------------------------


def _written(setting: Setting, name: str, results: Results) -> list[Summary]:
    rows = summaries(results, by=("mask",))
    write_table(setting.folder / f"{name}.csv", rows, by=("mask",))
    return rows


def _text(title: str, setting: Setting, results: Results, rows: Sequence[Summary], *notes: str) -> str:
    kinds = ", ".join(dict.fromkeys(case.recording.kind for case in results.cases))
    count = len({case.recording.name for case in results.cases})
    what = f"{count} signal{'s' * (count != 1)} of {seconds(setting):g} s at 16 kHz ({kinds})"
    return "\n".join([f"{title}: {what}", "", text_table(rows, results.methods), PROTOCOL, *notes])


def _draw_curves(path: Path, results: Results, rows: Sequence[Summary]) -> None:
    """Draw each score against the duration of all gaps, a line for each method."""
    scores = list(dict.fromkeys(row.score for row in rows))
    drawing = canvas((4.4 * len(scores) + 1.2, 3.4))
    axes = drawing.subplots(1, len(scores), squeeze=False)[0]
    for axis, score in zip(axes, scores, strict=True):
        _curves(axis, results, [row for row in rows if row.score == score])
        axis.set_ylabel(f"{SCORES[score].label} ({SCORES[score].unit})", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    with replacing(path) as temporary:
        drawing.savefig(temporary)


def _curves(axis: Axes, results: Results, rows: Sequence[Summary]) -> None:
    sizes = {case.mask.label: case.mask.size_ms for case in results.cases}
    for marker, method in zip("osD^v.<>ph*", results.methods, strict=False):
        own = sorted((sizes[row.group[0]], row.mean) for row in rows if row.method == method)
        style = {"color": "0.5", "ls": "--"} if method == "silence" else {}
        places, means = [size for size, _ in own], [mean for _, mean in own]
        axis.plot(places, means, marker=marker, ms=4.5, lw=1.3, label=short(method), **style)
    plain(axis)
    axis.set_xticks(sorted(set(sizes.values())))
    axis.set_xlabel("duration of all gaps (ms)", fontsize=8)


def _answered(folder: Path, files: Sequence[Path]) -> str:
    """Table III from the answers of listeners, beside the paper's."""
    responses, broken = collected(files)
    for line in broken:
        print(f"left out: {line}", file=sys.stderr)
    analysis = plausibility.analysed(responses)
    write_rows(folder / "dpai-table3.csv", analysis.rows)
    draw(folder / "dpai-table3.png", responses, analysis)
    lines = [["", "n", "chosen (std)", "paper"]]
    for row in analysis.rows:
        if row["item"] == ALL:
            share = row["share"]
            paper = next((f"{own} %" for name, own in PAPER_SHARES.items() if row["method"].startswith(name)), "")
            spread = (share * (1 - share)) ** 0.5
            lines.append([row["method"], str(row["questions"]), f"{share:.0%} ({spread:.2f})", paper])
    return f"Table III: chosen as the most plausible\n\n{aligned(lines)}\n\n{analysis.text}"
