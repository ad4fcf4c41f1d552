"""Methods compared segment by segment: leads and their standard errors, as text and as CSV."""

import csv

import numpy as np
import pytest
import torch

from audio_inpaint.training.comparison import Comparison, table, write_table


def compared(own, reference):
    rows = {}
    for name, values in {"network": reference, "rival": own}.items():
        comparison = Comparison()
        comparison.update(
            {score: torch.tensor(values) for score in ("snr_ms", "snr_td")},
            {score: torch.tensor(reference) for score in ("snr_ms", "snr_td")},
        )
        rows[name] = comparison.compute()
    return rows


def test_the_lead_has_the_standard_error_of_its_mean():
    own, reference = np.array([1.0, 4.0, 2.0]), np.array([3.0, 5.0, 9.0])
    row = compared(own.tolist(), reference.tolist())["rival"]
    ahead = reference - own
    assert row["snr_td_ahead"] == pytest.approx(ahead.mean())
    assert row["snr_td_error"] == pytest.approx(ahead.std(ddof=1) / np.sqrt(3))
    assert row["segments"] == 3


def test_one_segment_has_neither_deviation_nor_error(tmp_path):
    rows = compared([1.0], [4.0])
    line = next(line for line in table(rows).splitlines() if line.startswith("rival"))
    assert line.count("+3.00 ± –") == 2
    assert line.count("1.00 (–)") == 2
    write_table(tmp_path / "test.csv", rows)
    with (tmp_path / "test.csv").open(newline="") as file:
        rival = list(csv.DictReader(file))[1]
    assert rival["snr_td_ahead"] == "3.0"
    assert rival["snr_td_error"] == rival["snr_td_std"] == rival["snr_ms_error"] == ""
