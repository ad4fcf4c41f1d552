"""Pairs of recordings that anyone can make, with the variables that P. Kabal's MATLAB program has for them."""

from functools import cache

import numpy as np
from scipy import signal

NAMES = "BandwidthRefB BandwidthTestB TotalNMRB WinModDiff1B ADBB EHSB AvgModDiff1B AvgModDiff2B RmsNoiseLoudB MFPDB"
NAMES = (*NAMES.split(), "RelDistFramesB", "ODG")

# Run in Octave on 16-bit files of the pairs below.
VARIABLES = {
    "tone": (0, 0, 24.97168, 67.87435, 3.04088, 0.0489613, 67.47356, 5132.16, 1.305038, 0.9999445, 1, -3.912804),
    "loud tone": (
        0, 0, 26.82973, 68.61217, 3.108778, 0.05396211, 68.05592, 4319.481, 1.757111, 0.9999445, 1, -3.912788,
    ),
    "dull noise": (
        919.828, 810.7742, -6.276724, 2.462131, 2.690641, 0.01822604, 2.457402, 10.75055, 0.1188676, 0.9999445, 1,
        -0.948748,
    ),
    "coarse steps": (
        0, 0, 52.23703, 110.2669, 3.575209, 0.0003703037, 105.7401, 4660.893, 3.866484, 0.9983827, 1, -3.913168,
    ),
    "stereo": (
        459.914, 405.3871, 9.347479, 35.16824, 3.07634, 0.03359367, 34.96548, 2571.455, 0.7119528, 0.9999445, 1,
        -3.910393,
    ),
    "equal": (891.2043, 891.2043, -119.6394, 0, 0, 0, 0, 0, 0, 0, 0, 0.214721),
    "chord, noise 20 dB": (
        0, 0, 35.97976, 27.88327, 3.094509, 0.8089847, 27.89891, 2313.987, 1.023705, 0.9999445, 1, -3.909678,
    ),
    "chord, noise 30 dB": (
        0, 0, 25.96854, 20.06433, 2.858427, 1.352717, 20.12216, 1794.512, 0.6052612, 0.9999445, 1, -3.873327,
    ),
    "chord, noise 40 dB": (
        0, 0, 15.86801, 14.44249, 2.53311, 1.800069, 14.54052, 1329.06, 0.3600945, 0.9999445, 1, -3.459194,
    ),
    "chord, noise 60 dB": (
        0, 0, -4.381255, 4.35352, 1.075498, 1.995559, 4.391348, 406.8343, 0.06214018, 0.9998704, 0.9892473, -2.199882,
    ),
    "chord, gap": (
        921, 921, 5.83024, 225.0256, 2.872045, 0.01798542, 119.9468, 8463.605, 2.327638, 0.4946188, 0.05376344,
        -3.913170,
    ),
    "chord, low-passed": (
        0, 0, -10.86274, 0.3464816, 2.438018, 0, 0.5359169, 6.234291, 0.09526606, 0.9999445, 1, -1.900189,
    ),
}  # fmt: skip


def rounded(x):
    return np.clip(np.floor(32768 * x + 0.5), -32768, 32767) / 32768


def cut_off(x):
    """To 16 bits as libsndfile does it, by way of 32."""
    return np.floor(np.rint(2.0**31 * x) / 2**16) / 32768


@cache
def noise(seed):
    """White, uniform in +-0.5, by a congruential generator that any language can repeat."""
    states = np.empty(96000)
    for i in range(len(states)):
        states[i] = seed = (1103515245 * seed + 12345) % 2**31
    return states / 2**31 - 0.5


@cache
def pair(name):
    """Original and test, (channel, time), 48 kHz."""
    t = np.arange(96000)
    tone, hiss = np.sin(2 * np.pi * 1000 * t / 48000), noise(1) * np.sqrt(12) / np.sqrt(2) * 0.01
    match name.split(", "):
        case ["tone"]:
            both = 0.5 * tone, 0.5 * tone + 0.5 * hiss
        case ["loud tone"]:
            both = tone, tone + hiss
        case ["equal"]:
            both = 0.5 * tone, 0.5 * tone
        case ["dull noise"]:
            both = 0.5 * noise(2), signal.lfilter(np.full(4, 0.25), 1, 0.5 * noise(2))
        case ["coarse steps"]:
            beating = 0.3 * np.sin(2 * np.pi * 440 * t / 48000) * (1 + 0.5 * np.sin(2 * np.pi * 4 * t / 48000))
            original = np.where((t >= 14400) & (t < 76800), beating, 0)
            both = original, np.floor(8 * original + 0.5) / 8
        case ["stereo"]:
            left, right = pair("tone"), pair("dull noise")
            return tuple(np.concatenate(channels) for channels in zip(left, right, strict=True))
        case ["chord", damage]:
            return tuple(cut_off(x)[None] for x in (chord(), damaged_chord(damage)))
    return tuple(rounded(x)[None] for x in both)


@cache
def chord():
    t = np.arange(96000)
    partials = np.arange(1, 20)[:, None]
    chord = (0.3 / partials * np.sin(2 * np.pi * 220 * partials * t / 48000 + partials)).sum(0)
    return 0.5 * chord / np.abs(chord).max()


def damaged_chord(damage):
    original = chord()
    if damage == "gap":
        return np.where((np.arange(96000) >= 24000) & (np.arange(96000) < 27072), 0, original)
    if damage == "low-passed":
        return signal.sosfilt(signal.butter(6, 3000, fs=48000, output="sos"), original)
    levels = (20, 30, 40, 60)
    decibel = int(damage.split()[1])
    draws = np.random.default_rng(1).standard_normal((4, 96000))[levels.index(decibel)]
    return original + draws * original.std() * 10 ** (-decibel / 20)
