"""The commands `listening-test` and `listening-results`; what they need is imported when they run, not by `--help`."""

import argparse
import sys
from pathlib import Path

from audio_inpaint.errors import InputError

TEST_NOTES = """\
STIMULI holds a folder for each item, with original.*, damaged.* and METHOD.* in it: audio files of one rate, one number
of channels and one length. A plausibility test needs no original, but takes its loudness if it is there. Other files
are passed over.

plausibility  the damaged recording and its restorations: how plausible is each, and which is the most plausible?
              `original` among the --methods is hidden among them as a control
mushra        ITU-R BS.1534: each restoration from 0 to 100 against the original, which is hidden among them together
              with anchors: low (the original below 3.5 kHz), mid (below 7 kHz), damaged

The page holds all its sound and opens from a disk, without a network. It plays every item's reference equally loud
(ITU-R BS.1770) and no stimulus above -1 dBFS. Each listener meets the items and stimuli in an order of their own. No
method is named on the page; the names are in its source, scrambled, so a listener who searches there could find them.

examples:
  audio-inpaint listening-test stimuli/ -o test.html --kind plausibility --methods dpai,burg,janssen --items 10
  audio-inpaint listening-test stimuli/ -o test.html --kind mushra --anchor low,damaged
"""
RESULTS_NOTES = """\
The files are those that listeners saved, as JSON or CSV, all of one test and one for each participant.

plausibility  how often each method was chosen, with Wilson's 95 % interval; exact binomial tests against chance, with
              Holm's correction, and a chi-square test of all; every choice counts as independent of the others
mushra        median of all ratings; mean of the listeners' means with its 95 % interval by Student's t; Wilcoxon's
              signed-rank tests on listeners' means, with Holm's correction. Listeners who put the hidden reference
              below 90 in more than 15 % of the items are left out, as ITU-R BS.1534-3 says

examples:
  audio-inpaint listening-results results/
  audio-inpaint listening-results anna.json ben.csv -o results.csv --figure results.png
"""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands to a command line.

    Args:
        commands: what `add_subparsers` gave; each command sets `run`, a function of the parsed arguments that returns
            the exit code.
    """
    test = commands.add_parser(
        "listening-test",
        help="write a listening test as one HTML page",
        description="Write a listening test as one HTML page that needs nothing outside itself.",
        epilog=TEST_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    test.add_argument("stimuli", metavar="STIMULI", type=Path, help="a folder that holds a folder for each item")
    test.add_argument("-o", "--output", required=True, metavar="PAGE", help="the page to write")
    test.add_argument("--kind", required=True, choices=("plausibility", "mushra"), help="what listeners are asked")
    test.add_argument("--methods", metavar="A,B,...", help="restorations to compare; all that are there if left out")
    test.add_argument("--items", type=int, metavar="N", help="draw that many items; all if left out")
    test.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="random seed of the selection and of all orders, default %(default)s",
    )
    test.add_argument("--title", default="Listening test", metavar="TEXT", help='heading of the page; "%(default)s"')
    test.add_argument("--anchor", metavar="A,B,...", help="hidden in mushra: low, mid, damaged; low if left out")
    test.add_argument("--overwrite", action="store_true", help="replace a page that exists")
    test.set_defaults(run=_test)

    results = commands.add_parser(
        "listening-results",
        help="analyse what listeners answered",
        description="Analyse the files that listeners saved at the end of a listening test.",
        epilog=RESULTS_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    results.add_argument("input", nargs="+", metavar="FILE", type=Path, help="saved results, or folders of them")
    results.add_argument("-o", "--output", metavar="CSV", help="write all results, those of each item too, as a table")
    results.add_argument("--figure", metavar="PATH", help="draw the results: a PNG, PDF or SVG file")
    results.add_argument("--overwrite", action="store_true", help="replace a table and a figure that exist")
    results.set_defaults(run=_results)


def _test(arguments: argparse.Namespace) -> int:
    from audio_inpaint.files.paths import Paths
    from audio_inpaint.listening.levels import TARGET, equalised
    from audio_inpaint.listening.page import write_test
    from audio_inpaint.listening.stimuli import ANCHORS, questions

    if arguments.anchor is not None and arguments.kind != "mushra":
        raise InputError("--anchor is for --kind mushra")
    if arguments.seed < 0:
        raise InputError(f"--seed must be 0 or more, not {arguments.seed}")
    anchors = _names("--anchor", arguments.anchor) or ["low"]
    if unknown := [name for name in anchors if name not in (*ANCHORS, "damaged")]:
        raise InputError(f"no anchor is called {unknown[0]}: choose among {', '.join(ANCHORS)} and damaged")
    methods = _names("--methods", arguments.methods)
    paths = Paths()
    paths.writes_no_audio(arguments.output, "the page", (".html",))  # and so over no stimulus
    paths.check(arguments.overwrite)
    read = questions(arguments.stimuli, arguments.kind, methods, anchors, arguments.items, arguments.seed)
    asked, loudness = equalised(read)
    test = write_test(arguments.output, asked, arguments.kind, arguments.title, arguments.seed)
    size = Path(arguments.output).stat().st_size / 1e6
    stimuli = ", ".join(stimulus.method for stimulus in asked[0].stimuli)
    print(f"{arguments.output}: {arguments.kind} test {test}, {len(asked)} questions of {stimuli}; {size:.1f} MB")
    lower = "" if loudness == TARGET else ", lower than the usual -23 because a stimulus has high peaks"
    print(f"references play at {loudness:.1f} LUFS{lower}")
    return 0


def _results(arguments: argparse.Namespace) -> int:
    from audio_inpaint.files.paths import Paths
    from audio_inpaint.listening import mushra, plausibility
    from audio_inpaint.listening.analysis import write_rows
    from audio_inpaint.listening.responses import collected

    paths = Paths()
    for name in map(Path, arguments.input):
        # other files of a folder, such as the figure of an earlier call, are not read
        folder = [file for file in name.iterdir() if file.suffix.lower() in (".json", ".csv")] if name.is_dir() else []
        for file in folder or [name]:
            paths.reads(file, "the answers of a participant")
    if arguments.output is not None:
        paths.writes_no_audio(arguments.output, "the table")
    if arguments.figure is not None:
        paths.writes_no_audio(arguments.figure, "the figure", (".png", ".pdf", ".svg"))
    paths.check(arguments.overwrite)
    responses, broken = collected(arguments.input)
    for line in broken:
        print(f"audio-inpaint: error: {line}", file=sys.stderr)
    analysis = {"mushra": mushra, "plausibility": plausibility}[responses.kind].analysed(responses)
    print(analysis.text)
    if arguments.output is not None:
        write_rows(arguments.output, analysis.rows)
    if arguments.figure is not None:
        from audio_inpaint.listening.figure import draw

        draw(arguments.figure, responses, analysis)
    return 2 if broken else 0


def _names(option: str, text: str | None) -> list[str]:
    names = [] if text is None else [name.strip() for name in text.split(",")]
    if text is not None and ("" in names or len(set(names)) < len(names)):
        raise InputError(f"{option} must name different things, with commas between them, not {text!r}")
    return names
