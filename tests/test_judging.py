"""All gaps are on the page, to be judged; what was judged goes back to the command."""

import numpy as np
import soundfile
from browser import visit
from test_cli import run

RATE = 8000


def test_gaps_are_judged_on_the_page_and_what_is_accepted_is_filled(tmp_path, monkeypatch):
    """Of a long file some gaps are shown, and all are listed."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    audio = 0.2 * np.sin(2 * np.pi * 440 * np.arange(70 * RATE) / RATE) + 0.01 * random.standard_normal(70 * RATE)
    starts = list(range(2 * RATE, 66 * RATE, 4 * RATE))
    for start in starts:
        audio[start : start + 160] = 0
    soundfile.write("in.wav", audio, RATE)
    gaps = ",".join(f"{start}:{start + 160}" for start in starts)
    command = ["inpaint", "in.wav", "--gaps", gaps, "--method", "janssen"]
    assert run(*command, "-o", "out.wav", "--report") == 0
    page = (tmp_path / "out.html").read_text()
    assert f"1 recording, {len(starts)} gaps (" in page
    seen = visit(
        tmp_path / "out.html",
        """
        const [list] = judgings;
        seen.rows = list.rows.length;
        seen.words = document.querySelector("#list-1 .quiet").textContent;
        const by = Object.fromEntries(list.rows.map((row) => [row.gap.start, row]));
        const starts = Object.keys(by).map(Number).sort((a, b) => a - b);
        by[starts[1]].judgement.value = "accept";
        by[starts[1]].note.value = "  sounds\twhole ";
        by[starts[2]].judgement.value = "reject";
        by[starts[15]].judgement.value = "accept";
        by[starts[1]].line.querySelector("button").click();
        await until("chosen", () => Item.active && Item.active.gap === by[starts[1]].there.place);
        seen.unshown = list.rows.filter((row) => !row.there).every((row) => row.line.querySelector("button").disabled);
        seen.labels = list.labels();
        """,
    ).seen
    assert seen["rows"] == len(starts)
    assert f"of {len(starts)} shown" in seen["words"]
    assert seen["unshown"]
    (tmp_path / "labels.txt").write_text(seen["labels"])
    assert "accept sounds whole (" in seen["labels"]
    assert run("inpaint", "in.wav", "-o", "accepted.wav", "--accept", "labels.txt", "--method", "janssen") == 0
    before, after = (soundfile.read(name)[0] for name in ("in.wav", "accepted.wav"))
    filled = [start for start in starts if not np.array_equal(before[start : start + 160], after[start : start + 160])]
    assert filled == [starts[1], starts[15]]


def test_gaps_to_check_come_first_and_the_button_goes_from_one_to_the_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    audio = 0.2 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)
    audio[2 * RATE :] = 0.1 * random.standard_normal(2 * RATE)  # nothing can be said of noise
    for start in (RATE, 3 * RATE):
        audio[start : start + 400] = 0
    soundfile.write("in.wav", audio, RATE)
    assert (
        run(
            "inpaint",
            "in.wav",
            "-o",
            "out.wav",
            "--gaps",
            f"{RATE}:{RATE + 400},{3 * RATE}:{3 * RATE + 400}",
            "--report",
        )
        == 0
    )
    seen = visit(
        tmp_path / "out.html",
        """
        const [list] = judgings;
        seen.order = list.rows.map((row) => row.gap.start);
        document.querySelector("#list-1 .act").click();
        await until("chosen", () => Item.active && Item.active.gap === 1);
        seen.gap = Item.active.gap;
        """,
    ).seen
    assert seen["order"] == [3 * RATE, RATE]
    assert seen["gap"] == 1
