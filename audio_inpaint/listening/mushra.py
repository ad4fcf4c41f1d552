"""Ratings of a MUSHRA test: post-screening, medians, means with their intervals, and comparisons (ITU-R BS.1534-3)."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from audio_inpaint.errors import InputError
from audio_inpaint.listening.analysis import ALL, Analysis, heading, interval, laid_out, listener_means, p_value
from audio_inpaint.listening.responses import Rating, Responses
from audio_inpaint.listening.significance import holm, mean_interval, wilcoxon

HEARD, MISSED = 90, 0.15  # a listener knows the hidden reference by rating it 90 or more, in all but 15 % of the items


def analysed(responses: Responses) -> Analysis:
    """Screen the listeners and compare what the others rated, of all items together and of each item.

    Args:
        responses: of a `mushra` test.

    Raises:
        InputError: no listener is left.
    """
    excluded = screened(responses.ratings)
    ratings = [rating for rating in responses.ratings if rating.participant not in excluded]
    reasons = [f"{person} (below {HEARD} in {missed} of {items} items)" for person, (missed, items) in excluded.items()]
    if not ratings:
        raise InputError(f"no listener passes the post-screening by the hidden reference: {', '.join(reasons)}")
    roles = responses.methods
    rows, pairs = _rows(ALL, ratings, roles), _pairs(ratings, roles)
    table = laid_out(
        ["method", "median", "quartiles", "mean", "95 % interval"],
        [
            [
                _titled(row["method"], roles),
                f"{row['median']:.1f}",
                interval(row["lower_quartile"], row["upper_quartile"]),
                f"{row['mean']:.1f}",
                interval(row["low"], row["high"]),
            ]
            for row in rows
        ],
    )
    compared = laid_out(
        ["comparison", "difference", "95 % interval", "p", "p (Holm)"],
        [
            [
                f"{_titled(row['method'], roles)} - {_titled(row['versus'], roles)}",
                f"{row['mean']:+.1f}",
                interval(row["low"], row["high"]),
                p_value(row["p"]),
                p_value(row["p_holm"]),
            ]
            for row in pairs
        ],
    )
    left = len({rating.participant for rating in ratings})
    counted = f"post-screening: {len(excluded)} of {len(responses.participants)} listeners left out"
    notes = [": ".join([counted, ", ".join(reasons)] if reasons else [counted])]
    if 2 ** (1 - left) > 0.05:
        notes.append(f"too few listeners for Wilcoxon's test, whose p cannot be less than {2.0 ** (1 - left):g} here")
    rows += pairs
    for item in responses.items:
        if chosen := [rating for rating in ratings if rating.item == item]:
            rows += _rows(item, chosen, roles)
    return Analysis("\n".join([*heading(responses), *notes, "", *table, "", *compared]), rows, ratings)


def screened(ratings: Sequence[Rating]) -> dict[str, tuple[int, int]]:
    """Find listeners who do not recognise the hidden reference.

    Args:
        ratings: of all.

    Returns:
        Participant -> items whose hidden reference got less than 90, and all items; only those with more than 15 %.

    Source: ITU-R BS.1534-3, on the post-screening of assessors.
    """
    references = {}
    for rating in ratings:
        if rating.role == "reference":
            references.setdefault(rating.participant, []).append(rating.rating)
    missed = {person: (sum(value < HEARD for value in given), len(given)) for person, given in references.items()}
    return {person: (low, items) for person, (low, items) in missed.items() if low > MISSED * items}


def _titled(method: str, roles: dict[str, str]) -> str:
    return f"{method} (hidden)" if roles[method] == "reference" else method


def _rows(item: str, ratings: Sequence[Rating], roles: dict[str, str]) -> list[dict]:
    rows = []
    for method, role in roles.items():
        values = [rating.rating for rating in ratings if rating.method == method]
        means = list(listener_means(ratings, method).values())
        lower, median, upper = np.percentile(values, [25, 50, 75])
        mean, low, high = mean_interval(means)
        rows.append(
            {
                "item": item, "method": method, "role": role, "versus": "", "listeners": len(means),
                "ratings": len(values), "median": median, "lower_quartile": lower, "upper_quartile": upper,
                "mean": mean, "low": low, "high": high,
            }
        )  # fmt: skip
    return rows


def _pairs(ratings: Sequence[Rating], roles: dict[str, str]) -> list[dict]:
    """Methods against each other and against the hidden reference; that an anchor is worse needs no test."""
    compared = list(combinations([method for method, role in roles.items() if role != "anchor"], 2))
    means = {method: listener_means(ratings, method) for method in roles}
    tests = [wilcoxon(list(means[one].values()), list(means[other].values())) for one, other in compared]
    rows = []
    for (one, other), p, corrected in zip(compared, tests, holm(tests), strict=True):
        differences = [means[one][person] - means[other][person] for person in means[one]]
        mean, low, high = mean_interval(differences)
        rows.append(
            {
                "item": ALL, "method": one, "role": roles[one], "versus": other, "listeners": len(differences),
                "mean": mean, "low": low, "high": high, "p": p, "p_holm": corrected,
            }
        )  # fmt: skip
    return rows
