"""From rows of a benchmark to tables: means, paired tests, and groups of cases."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from audio_inpaint.benchmark import statistics
from audio_inpaint.benchmark.cases import Case, Mask, Recording
from audio_inpaint.benchmark.results import Results, Row


def made(scores, methods=("a", "b")):
    """Results of given scores: method -> list by case."""
    cases = [Case(Recording(f"r{n}", "k", None), Mask("m", 1.0, ())) for n in range(len(scores[methods[0]]))]
    rows = [Row(m, case, {"snr_td": scores[m][n]}, 1.0, 2.0, "") for n, case in enumerate(cases) for m in methods]
    return Results("time", tuple(methods), ("snr_td",), rows, [], None)


def test_summaries_are_those_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(5, 2, 30), rng.normal(6, 2, 30)
    first, second = statistics.summaries(made({"a": a.tolist(), "b": b.tolist()}))
    assert (first.mean, first.std, first.count) == (pytest.approx(a.mean()), pytest.approx(a.std()), 30)
    assert math.isnan(first.difference)
    assert second.difference == pytest.approx((b - a).mean())
    assert second.error == pytest.approx(stats.sem(b - a))
    assert second.t_test == pytest.approx(stats.ttest_rel(b, a).pvalue)
    assert second.wilcoxon == pytest.approx(stats.wilcoxon(b - a).pvalue)


def test_scores_that_are_no_numbers_leave_their_pair_out():
    _, second = statistics.summaries(made({"a": [1.0, 2.0, 3.0, math.nan], "b": [2.0, math.inf, 5.0, 4.0]}))
    assert (second.mean, second.count) == (pytest.approx(11 / 3), 3)
    assert second.difference == pytest.approx(1.5)


def test_equal_methods_do_not_differ():
    _, second = statistics.summaries(made({"a": [1.0, 2.0], "b": [1.0, 2.0]}))
    assert (second.difference, second.t_test, second.wilcoxon) == (0.0, 1.0, 1.0)


def test_the_worst_pair_is_the_one_that_loses_most_whatever_is_better():
    a, b = {"x": 1.0, "y": -2.0, "z": 5.0}, {"x": 3.0, "y": 1.0, "z": 5.5}
    for score, worst in (("snr_td", 0.5), ("lsd", 3.0), ("level_bias", 2.0), ("level_abs", 3.0)):
        assert statistics.summary((), "b", score, b, a).worst == worst
    assert statistics.summary((), "b", "snr_td", {"x": 3.0}, {"x": 4.0}).worst == -1.0


def test_cases_are_grouped_by_what_the_reference_reached():
    a, b = [12.0, 3.0, -5.0, 2.9, math.nan], [14.0, 2.0, -4.0, 3.0, 1.0]
    results = replace(made({"a": a, "b": b}), bins=(3, 10))
    found = statistics.tables(results)
    assert [row.group for row in found[::2]] == [
        ("k", "m"),
        ("k", "m", "a: SNR_TD below 3 dB"),
        ("k", "m", "a: SNR_TD 3 to 10 dB"),
        ("k", "m", "a: SNR_TD above 10 dB"),
    ]
    assert [(row.count, row.mean) for row in found[2::2]] == [(2, -1.05), (1, 3.0), (1, 12.0)]
    assert [row.difference for row in found[3::2]] == pytest.approx([0.55, -1.0, 2.0])
    lines = statistics.text_table(found, results.methods).splitlines()
    block = lines[lines.index("k, m, a: SNR_TD below 3 dB") :]
    assert block[2].split() == ["a", "2", "-1.05", "(3.95)"]
    assert block[4].split()[:8] == ["b", "minus", "a", "+0.55", "±", "0.45", "+0.10", "0.4"]


def test_differences_are_shown_for_every_score():
    results = made({"a": [3.0, 5.0], "b": [6.0, 4.0]})
    rows = [replace(row, scores=row.scores | {"lsd": 2 * row.scores["snr_td"]}) for row in results.rows]
    found = statistics.summaries(replace(results, scores=("snr_td", "lsd"), rows=rows))
    line = statistics.text_table(found, results.methods).splitlines()[4]
    assert line.split()[:9] == ["b", "minus", "a", "+1.00", "±", "2.00", "+2.00", "±", "4.00"]
