import argparse
import csv
import io
import json
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from audio_inpaint.commands.listening import add_commands
from audio_inpaint.errors import InputError
from audio_inpaint.listening import mushra, plausibility
from audio_inpaint.listening.responses import FORMAT, collected
from audio_inpaint.listening.significance import holm, mean_interval, wilcoxon

ROLES = {"original": "reference", "low anchor": "anchor"}


def record(participant, answers, kind="plausibility", test="0123456789ab", questions=None):
    """What the page saves; answers: item -> method -> (rating, best)."""
    return {
        "format": FORMAT, "kind": kind, "title": "Who fills best, and where?", "test": test, "seed": 0,
        "participant": participant, "questions": questions or len(answers), "started": "s", "finished": None,
        "answers": [
            {
                "question": number, "item": item, "seconds": 1.5, "switches": 2, "reminded": False,
                "stimuli": [
                    {"label": label, "method": method, "role": ROLES.get(method, "method"), "rating": rating,
                     **({"best": best} if kind == "plausibility" else {}), "listened": 1.25}
                    for label, (method, (rating, best)) in zip("ABCDEFGH", stimuli.items(), strict=False)
                ],
            }
            for number, (item, stimuli) in enumerate(answers.items(), 1)
        ],
    }  # fmt: skip


def table_of(record):
    """The same as the page's CSV."""
    test = {name: value for name, value in record.items() if name != "answers"}
    rows = [
        {**test, **{name: value for name, value in answer.items() if name != "stimuli"}, **stimulus}
        for answer in record["answers"]
        for stimulus in answer["stimuli"]
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(rows[0])
    script = {True: "true", False: "false", None: ""}  # as JavaScript's String() has them
    for row in rows:
        writer.writerow([script[v] if v is None or isinstance(v, bool) else v for v in row.values()])
    return text.getvalue()


def save(folder, *records):
    for number, each in enumerate(records):
        (folder / f"{number:02}_{each['participant']}.json").write_text(json.dumps(each), encoding="utf-8")
    return folder


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True))
    parsed = parser.parse_args(["listening-results", *map(str, arguments)])
    return parsed.run(parsed)


def table_iii():
    """11 listeners, 10 questions, and the choices of the deep-prior paper: 69, 10 and 21 of 100."""
    choices = ["dpai"] * 76 + ["caw"] * 11 + ["sga"] * 23
    np.random.default_rng(0).shuffle(choices)
    questions = iter(choices)
    records = []
    for person in range(11):
        answers = {}
        for item in range(10):
            chosen = next(questions)
            answers[f"item {item}"] = {
                m: (5 if m == chosen else 2 + person % 2, m == chosen) for m in ("caw", "dpai", "sga")
            }
        records.append(record(f"p{person}", answers))
    return records


def rated(people=9, items=6, seed=0, deaf=()):
    """A MUSHRA test in which `good` beats `fair` by a little; deaf listeners miss the reference in two of six items."""
    generator = np.random.default_rng(seed)
    level = {"good": 75, "fair": 65, "same": 65, "original": 97, "low anchor": 20}
    records = []
    for person in range(people):
        taste = generator.normal(0, 8)
        answers = {}
        for item in range(items):
            marks = {m: int(np.clip(v + taste + generator.normal(0, 3), 0, 100)) for m, v in level.items()}
            marks["original"] = 80 if person in deaf and item < 2 else 100
            answers[f"item {item}"] = {m: (mark, False) for m, mark in marks.items()}
        records.append(record(f"p{person}", answers, "mushra"))
    return records


def marks(records, method):
    """(listener, item)"""
    return np.array([
        [s["rating"] for answer in each["answers"] for s in answer["stimuli"] if s["method"] == method]
        for each in records
    ])  # fmt: skip


# ---- statistics


def test_holm_is_that_of_r():
    # p.adjust(c(.01, .04, .03, .005), "holm") and p.adjust(c(.05, .01, .02, .04, .03), "holm")
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.05, 0.01, 0.02, 0.04, 0.03]), [0.09, 0.05, 0.08, 0.09, 0.09])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])


def test_mean_interval_is_student_s():
    values = np.random.default_rng(0).normal(60, 10, 9)
    expected = stats.t.interval(0.95, 8, values.mean(), stats.sem(values))
    np.testing.assert_allclose(mean_interval(values), [values.mean(), *expected])
    assert np.isnan(mean_interval([5.0])[1:]).all()


def test_wilcoxon_of_equal_ratings_finds_nothing_and_of_six_that_agree_what_the_tables_say():
    assert wilcoxon([3, 4, 5], [3, 4, 5]) == 1
    assert wilcoxon([11, 12, 13, 14, 15, 16], [10, 10, 10, 10, 10, 10]) == pytest.approx(2 / 2**6)


# ---- plausibility


def test_shares_are_those_of_table_iii_with_wilson_s_intervals(tmp_path):
    responses, broken = collected([save(tmp_path, *table_iii())])
    rows = {row["method"]: row for row in plausibility.analysed(responses).rows if row["item"] == "(all)"}
    assert not broken
    assert {name: round(100 * row["share"]) for name, row in rows.items()} == {"dpai": 69, "caw": 10, "sga": 21}
    z = stats.norm.ppf(0.975)
    for row in rows.values():
        n, share = 110, row["chosen"] / 110
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        np.testing.assert_allclose([row["share_low"], row["share_high"]], [middle - reach, middle + reach])
        np.testing.assert_allclose(row["p"], exact(row["chosen"], n, 1 / 3), rtol=1e-9)
    np.testing.assert_allclose([row["p_holm"] for row in rows.values()], holm([row["p"] for row in rows.values()]))


def exact(chosen, n, chance):
    """Two-sided binomial p: all outcomes that are no likelier than the one that was seen."""
    likely = stats.binom.pmf(np.arange(n + 1), n, chance)
    return likely[likely <= likely[chosen] * (1 + 1e-7)].sum()


def test_chi_square_and_mean_ratings_are_in_the_text(tmp_path):
    records = table_iii()
    text = plausibility.analysed(collected([save(tmp_path, *records)])[0]).text
    expected = sum((seen - 110 / 3) ** 2 / (110 / 3) for seen in (76, 11, 23))
    assert f"chi-square {expected:.2f} with 2 degrees of freedom, p < 0.001" in text
    line = next(line for line in text.splitlines() if line.startswith("dpai"))
    people = marks(records, "dpai").mean(1)
    low, high = stats.t.interval(0.95, 10, people.mean(), stats.sem(people))
    assert f"{people.mean():.2f}" in line
    assert f"{low:.2f} to {high:.2f}" in line
    assert "76 of 110" in line
    assert "69 %" in line


def test_no_preference_gives_no_significance(tmp_path):
    even = [
        record(f"p{n}", {f"item {i}": {m: (3, k == (n + i) % 3) for k, m in enumerate("abc")} for i in range(3)})
        for n in range(6)
    ]
    rows = plausibility.analysed(collected([save(tmp_path, *even)])[0]).rows
    assert all(row["p_holm"] > 0.5 for row in rows)
    assert all(row["share_low"] < 1 / 3 < row["share_high"] for row in rows)


# ---- MUSHRA


def test_medians_and_means_are_those_of_the_listeners(tmp_path):
    records = rated()
    rows = mushra.analysed(collected([save(tmp_path, *records)])[0]).rows
    for row in rows:
        if row["versus"]:
            continue
        chosen = marks(records, row["method"])
        if row["item"] != "(all)":
            chosen = chosen[:, [int(row["item"].split()[1])]]
        people = chosen.mean(1)
        quartiles = np.quantile(chosen, [0.25, 0.5, 0.75])
        np.testing.assert_allclose([row["lower_quartile"], row["median"], row["upper_quartile"]], quartiles)
        if people.std() > 0:
            low, high = stats.t.interval(0.95, len(people) - 1, people.mean(), stats.sem(people))
            np.testing.assert_allclose([row["mean"], row["low"], row["high"]], [people.mean(), low, high])
    assert len(rows) == 5 * 7 + 6


def test_methods_are_compared_with_each_other_and_the_reference_but_not_with_anchors(tmp_path):
    records = rated()
    pairs = [row for row in mushra.analysed(collected([save(tmp_path, *records)])[0]).rows if row["versus"]]
    assert {frozenset((row["method"], row["versus"])) for row in pairs} == set(
        map(frozenset, combinations(["good", "fair", "same", "original"], 2))
    )
    for row in pairs:
        one, other = marks(records, row["method"]).mean(1), marks(records, row["versus"]).mean(1)
        assert row["p"] == pytest.approx(stats.wilcoxon(one, other).pvalue)
        assert row["mean"] == pytest.approx((one - other).mean())
    np.testing.assert_allclose([row["p_holm"] for row in pairs], holm([row["p"] for row in pairs]))
    found = {frozenset((row["method"], row["versus"])): row["p_holm"] for row in pairs}
    assert found[frozenset(("good", "fair"))] < 0.03 < 0.1 < found[frozenset(("fair", "same"))]


def test_listeners_who_miss_the_reference_too_often_are_left_out_and_named(tmp_path):
    records = rated(deaf=(3, 7))
    analysis = mushra.analysed(collected([save(tmp_path, *records)])[0])
    assert "2 of 9 listeners left out: p3 (below 90 in 2 of 6 items), p7 (below 90 in 2 of 6 items)" in analysis.text
    kept = [each for each in records if each["participant"] not in ("p3", "p7")]
    mean = next(row["mean"] for row in analysis.rows if row["method"] == "good" and not row["versus"])
    assert mean == pytest.approx(marks(kept, "good").mean())


def test_fifteen_per_cent_of_the_items_may_be_missed(tmp_path):
    records = rated(people=8, items=20)
    for item in range(3):  # 3 of 20 is 15 %, and not more
        next(s for s in records[0]["answers"][item]["stimuli"] if s["method"] == "original")["rating"] = 89
    next(s for s in records[1]["answers"][0]["stimuli"] if s["method"] == "original")["rating"] = 90
    assert "0 of 8 listeners left out" in mushra.analysed(collected([save(tmp_path, *records)])[0]).text


def test_a_test_that_nobody_passes_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no listener passes .* p0 \(below 90 in 2 of 6"):
        mushra.analysed(collected([save(tmp_path, *rated(people=2, deaf=(0, 1)))])[0])


def test_one_listener_has_a_mean_but_no_interval(tmp_path):
    text = mushra.analysed(collected([save(tmp_path, *rated(people=1))])[0]).text
    assert "too few listeners for Wilcoxon's test" in text
    assert "nan" not in text
