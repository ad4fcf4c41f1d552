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


def test_the_level_of_each_fill_is_beside_it_and_all_are_drawn_for_paper(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def half(audio, gap, sample_rate):\n    return audio.masked_fill(gap, 0.1)\n")
    starts = list(range(2 * RATE, 66 * RATE, 4 * RATE))
    audio = np.full(70 * RATE, 0.2)
    for start in starts:
        audio[start : start + 160] = 0
    soundfile.write("in.wav", audio, RATE)
    gaps = ",".join(f"{start}:{start + 160}" for start in starts)
    assert run("inpaint", "in.wav", "--gaps", gaps, "--method", "mine.py:half", "-o", "out.wav", "--report") == 0
    seen = visit(
        tmp_path / "out.html",
        """
        await until("printable", () => "printable" in root.dataset);
        seen.levels = judgings[0].rows.map((row) => row.line.cells[4].textContent);
        seen.heads = [...document.querySelectorAll("#list-1 thead th")].map((head) => head.textContent);
        seen.table = [...items[0].section.querySelectorAll(".gap-list td")].map((cell) => cell.textContent);
        const pixels = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        const inked = (canvas) => new Set(pixels(canvas)).size > 4;
        seen.fills = items.map((item) => [...item.section.querySelectorAll(".fills canvas")].filter(inked).length);
        seen.gaps = items.map((item) => item.gaps.length);
        seen.drawn = items.every((item) => "drawn" in item.section.dataset);
        seen.kept = items.filter((item) => item.buffers).length;
        """,
        size=(1200, 800),
    ).seen
    assert seen["heads"][4] == "level (dB)"
    assert seen["levels"] == ["\N{MINUS SIGN}6.0"] * len(starts)
    assert seen["table"][2] == "\N{MINUS SIGN}6.0"
    assert seen["drawn"]
    assert seen["fills"] == seen["gaps"]
    assert sum(seen["gaps"]) > 10
    assert seen["kept"] < len(seen["gaps"])  # what nobody looks at takes no memory


def test_a_click_on_the_waveform_goes_there_and_the_legend_names_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    audio = 0.2 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)
    soundfile.write("clean.wav", audio, RATE)
    audio[2 * RATE : 2 * RATE + 400] = 0
    soundfile.write("in.wav", audio, RATE)
    common = ["--gaps", f"{2 * RATE}:{2 * RATE + 400}", "--method", "janssen", "--report", "--truth", "clean.wav"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *common) == 0
    seen = visit(
        tmp_path / "out.html",
        """
        const [item] = items, view = item.section.querySelector(".waveform .view");
        await until("drawn", () => "drawn" in item.section.dataset);
        const click = (share) => {
          const box = view.getBoundingClientRect();
          view.dispatchEvent(new MouseEvent("click", { clientX: box.left + share * box.width, bubbles: true }));
        };
        click(0.5);
        await until("sought", () => Math.abs(item.player.position - (2 + 0.025)) < 1e-3);
        const legend = () => [...item.section.querySelectorAll(".waveform figcaption span")]
          .filter((span) => getComputedStyle(span).display !== "none").map((span) => span.textContent);
        seen.legends = item.data.sources.map((source, i) => { item.hear(i); return legend(); });
        """,
    ).seen
    assert seen["legends"] == [["Damaged", "Original"], ["janssen", "Original"], ["Original"]]


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
