"""Toeplitz equations against dense solutions."""

import numpy as np
import pytest
import scipy.linalg

from audio_inpaint.dsp import toeplitz


def correlations(reflections):
    """The autocorrelation of the model with these reflection coefficients, from lag 0 to its order."""
    model = np.ones(1)
    for k in reflections:
        model = np.append(model, 0) + k * np.append(model, 0)[::-1]
    return np.correlate(model, model, "full")[len(reflections) :]


def matrix(column, n):
    padded = np.zeros(max(n, len(column)))
    padded[: len(column)] = column
    return scipy.linalg.toeplitz(padded[:n])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 33, 200])
@pytest.mark.parametrize("order", [0, 1, 2, 5, 20])
def test_it_solves_what_a_dense_solver_does(n, order):
    rng = np.random.default_rng(n + 1000 * order)
    columns = np.stack([correlations(rng.uniform(-0.9, 0.9, order)) for _ in range(3)])
    targets = rng.standard_normal((3, n))
    found, solved = toeplitz.solve(columns, targets)
    assert solved.all()
    for column, target, u in zip(columns, targets, found, strict=True):
        expected = np.linalg.solve(matrix(column, n), target)
        np.testing.assert_allclose(u, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_refinement_leaves_rounding_of_an_ill_conditioned_system():
    """Models of tones have condition numbers like this: recursion and inverse alone leave 1e-9 of the target."""
    rng = np.random.default_rng(0)
    column = correlations([*rng.uniform(-0.3, 0.3, 60), 0.99, -0.999, 0.9, 0.999])
    dense = matrix(column, 900)
    assert np.linalg.cond(dense) > 1e9
    target = rng.standard_normal(900)
    found, solved = toeplitz.solve(column[None], target[None])
    assert solved.all()
    assert np.abs(dense @ found[0] - target).max() < 1e-12 * np.abs(dense).max() * np.abs(found).max()


def test_rows_that_are_not_positive_definite_are_said_and_spoil_no_other():
    columns = np.array([[1.0, 0.5], [1.0, 2.0], [0.0, 0.0], [1.0, 1.0 + 1e-9], [2.0, 0.5]])
    targets = np.ones((5, 50))
    found, solved = toeplitz.solve(columns, targets)
    assert solved.tolist() == [True, False, False, False, True]
    for row in (0, 4):
        np.testing.assert_allclose(matrix(columns[row], 50) @ found[row], 1, atol=1e-12)
