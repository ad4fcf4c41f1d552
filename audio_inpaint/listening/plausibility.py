"""How often each method was chosen as the most plausible: Table III of the deep-prior paper, with its uncertainty."""

from collections.abc import Sequence

from scipy import stats

from audio_inpaint.listening.analysis import ALL, Analysis, heading, interval, laid_out, listener_means, p_value
from audio_inpaint.listening.responses import Rating, Responses
from audio_inpaint.listening.significance import LEVEL, holm, mean_interval


def analysed(responses: Responses) -> Analysis:
    """Count choices and average ratings, of all items together and of each item.

    Args:
        responses: of a `plausibility` test.
    """
    methods = list(responses.methods)
    rows = _rows(ALL, responses.ratings, methods)
    questions, choices = rows[0]["questions"], [row["chosen"] for row in rows]
    chance = 1 / len(methods)
    table = laid_out(
        ["method", "chosen", "share", "95 % interval", "p", "p (Holm)", "mean rating", "95 % interval"],
        [
            [
                row["method"],
                f"{row['chosen']} of {questions}",
                f"{100 * row['share']:.0f} %",
                f"{interval(100 * row['share_low'], 100 * row['share_high'], 0)} %",
                p_value(row["p"]),
                p_value(row["p_holm"]),
                f"{row['rating']:.2f}",
                interval(row["rating_low"], row["rating_high"], 2),
            ]
            for row in sorted(rows, key=lambda row: -row["chosen"])
        ],
    )
    together = stats.chisquare(choices)
    rough = "; a rough figure, there are few answers" if questions * chance < 5 else ""
    note = (
        f"p: against chance, {100 * chance:.0f} %; all shares together: chi-square {together.statistic:.2f} with "
        f"{len(methods) - 1} degrees of freedom, p {p_value(together.pvalue)}{rough}"
    )
    for item in responses.items:
        rows += _rows(item, [rating for rating in responses.ratings if rating.item == item], methods)
    return Analysis("\n".join([*heading(responses), "", *table, "", note]), rows, responses.ratings)


def _rows(item: str, ratings: Sequence[Rating], methods: Sequence[str]) -> list[dict]:
    questions = len({(rating.participant, rating.item) for rating in ratings})
    chosen = {method: sum(rating.best for rating in ratings if rating.method == method) for method in methods}
    tests = [stats.binomtest(chosen[method], questions, 1 / len(methods)) for method in methods]
    rows = []
    for method, test, corrected in zip(methods, tests, holm([test.pvalue for test in tests]), strict=True):
        share = test.proportion_ci(LEVEL, method="wilson")
        mean, low, high = mean_interval(list(listener_means(ratings, method).values()))
        rows.append(
            {
                "item": item, "method": method, "questions": questions, "chosen": chosen[method],
                "share": chosen[method] / questions, "share_low": share.low, "share_high": share.high,
                "p": test.pvalue, "p_holm": corrected, "rating": mean, "rating_low": low, "rating_high": high,
            }
        )  # fmt: skip
    return rows
