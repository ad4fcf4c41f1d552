"""Bit rates of lossy files: a file that is encoded again keeps about the rate that it had."""

import numpy as np

# Vorbis takes 1 to 18 % less for what was Vorbis before, at the same quality: measured on music, qualities 0 to 8.
_VORBIS_MORE = 1.1
# kbit/s of Vorbis in stereo at 44.1 kHz, for the qualities 0 to 1.
_VORBIS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)
# kbit/s for each channel that no file falls below: simple sound takes less than was allowed.
_LEAST = 32
# kbit/s for each channel of libsndfile's Opus, at its compression levels 1 and 0.
_OPUS = (6, 256)
# kbit/s of MP3 at the same, from sample rates up.
_MP3 = ((32000, (32, 320)), (16000, (8, 160)), (0, (8, 64)))
# kbit/s from which on every constant frame of MP3 has room for the length of the file, which is lost otherwise.
_ROOMY = 64
# What a file gets of which nothing is known: a second encoding of anything should not be heard.
BEST = {"compression_level": 0.1}


def encoding(subtype: str, sample_rate: int, channels: int, kbps: float | None) -> dict[str, object]:
    """Choose how soundfile is to encode, so that a file gets about the bit rate of another.

    Args:
        subtype: VORBIS, OPUS or MPEG_LAYER_III; others need no choice.
        sample_rate: Hz.
        channels: how many.
        kbps: of the other file, kbit/s; None for much.

    >>> encoding("OPUS", 48000, 2, 96)["compression_level"] > encoding("OPUS", 48000, 2, 256)["compression_level"]
    True
    """
    if subtype not in ("VORBIS", "OPUS", "MPEG_LAYER_III"):
        return {}
    if kbps is None:
        return dict(BEST)
    wanted = max(kbps * (_VORBIS_MORE if subtype == "VORBIS" else 1), _LEAST * channels)
    if subtype == "OPUS":
        return {"compression_level": _level(wanted / channels, *_OPUS)}
    if subtype == "VORBIS":
        return {"compression_level": 1 - vorbis_quality(wanted, sample_rate, channels)}
    limits = next(limits for least, limits in _MP3 if sample_rate >= least)
    mode = "CONSTANT" if wanted >= _ROOMY else "AVERAGE"
    return {"compression_level": _level(wanted, *limits), "bitrate_mode": mode}


def vorbis_quality(kbps: float, sample_rate: int, channels: int) -> float:
    """Return the quality, from 0 to 1, for which Vorbis takes about so many kbit/s."""
    stereo = kbps * 2 / channels * 44100 / max(sample_rate, 22050)
    return float(np.interp(stereo, _VORBIS, np.linspace(0, 1, len(_VORBIS))))


def _level(kbps: float, least: float, most: float) -> float:
    return float(np.clip((most - kbps) / (most - least), 0, 0.95))  # libsndfile refuses 1 for MP3
