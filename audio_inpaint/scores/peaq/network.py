"""The neural network that makes one grade of the eleven model output variables.

Source: ITU-R BS.1387-1, Annex 2, section 6, the tables of the basic version.
"""

import numpy as np

NAMES = (
    "BandwidthRefB", "BandwidthTestB", "TotalNMRB", "WinModDiff1B", "ADBB", "EHSB", "AvgModDiff1B", "AvgModDiff2B",
    "RmsNoiseLoudB", "MFPDB", "RelDistFramesB",
)  # fmt: skip

_RANGES = np.array([
    (393.916656, 921), (361.965332, 881.131226), (-24.045116, 16.212030), (1.110661, 107.137772),
    (-0.206623, 2.886017), (0.074318, 13.933351), (1.113683, 63.257874), (0.950345, 1145.018555),
    (0.029985, 14.819740), (0.000101, 1), (0, 1),
])  # fmt: skip
_HIDDEN = np.array([
    (-0.502657, 0.436333, 1.219602), (4.307481, 3.246017, 1.123743), (4.984241, -2.211189, -0.192096),
    (0.051056, -1.762424, 4.331315), (2.321580, 1.789971, -0.754560), (-5.303901, -3.452257, -10.814982),
    (2.730991, -6.111805, 1.519223), (0.624950, -1.331523, -5.955151), (3.102889, 0.871260, -5.922878),
    (-1.051468, -0.939882, -0.142913), (-1.804679, -0.503610, -0.620456),
])  # fmt: skip
_HIDDEN_BIAS = np.array([-2.518254, 0.654841, -2.207228])
_OUTPUT = np.array([-3.817048, 4.107138, 4.629582])
_OUTPUT_BIAS = -0.307594
_WORST, _BEST = -3.98, 0.22


def distortion_index(variables: np.ndarray) -> float:
    """The network's output, which does not saturate as the grade does, from the variables in the order of `NAMES`."""
    low, high = _RANGES.T
    hidden = _sigmoid((variables - low) / (high - low) @ _HIDDEN + _HIDDEN_BIAS)
    return float(hidden @ _OUTPUT + _OUTPUT_BIAS)


def grade(index: float) -> float:
    """The objective difference grade of a distortion index."""
    return float(_WORST + (_BEST - _WORST) * _sigmoid(index))


def _sigmoid(x: np.ndarray | float) -> np.ndarray | float:
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x)))
