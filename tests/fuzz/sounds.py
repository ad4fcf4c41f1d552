"""Small sound files of many formats, whole and damaged."""

import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile

# suffix, format, sample format, most channels
KINDS = [
    *((".wav", "WAV", subtype, 3) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")),
    *((".wav", "WAV", subtype, 1) for subtype in ("IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_16")),
    (".wav", "WAVEX", "PCM_24", 3), (".rf64", "RF64", "PCM_16", 2), (".w64", "W64", "PCM_24", 2),
    (".aiff", "AIFF", "PCM_16", 2), (".aifc", "AIFF", "FLOAT", 2), (".aiff", "AIFF", "DWVW_16", 1),
    (".au", "AU", "PCM_16", 2), (".au", "AU", "G723_24", 1), (".caf", "CAF", "PCM_24", 2),
    *((".caf", "CAF", f"ALAC_{bits}", 2) for bits in (16, 20, 24, 32)),
    *((".flac", "FLAC", subtype, 4) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
    (".ogg", "OGG", "VORBIS", 2), (".opus", "OGG", "OPUS", 2), (".mp3", "MP3", "MPEG_LAYER_III", 2),
    (".paf", "PAF", "PCM_24", 2), (".sds", "SDS", "PCM_24", 1), (".voc", "VOC", "PCM_16", 2), (".sd2", "SD2", "PCM_16", 2),
    (".nist", "NIST", "PCM_16", 2), (".avr", "AVR", "PCM_16", 2), (".mat", "MAT5", "DOUBLE", 2), (".htk", "HTK", "PCM_16", 1),
    (".xi", "XI", "DPCM_16", 1), (".sf", "IRCAM", "PCM_16", 2), (".pvf", "PVF", "PCM_16", 2), (".svx", "SVX", "PCM_16", 1),
]  # fmt: skip
RATES = (8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000, 250000, 7, 1)
EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x01\0\0\0", b"\0\0\0\x01")


def sound(chance: random.Random, length: int, channels: int, wild: bool) -> np.ndarray:
    """Make tones in noise (time, channel), with runs of zeros, and of all that floats may hold where that is asked."""
    numbers = np.random.default_rng(chance.randrange(2**32))
    time = np.arange(length)[:, None]
    audio = 0.3 * np.sin(time * numbers.uniform(0.01, 1, channels)) + 0.05 * numbers.standard_normal((length, channels))
    for _ in range(chance.randrange(3)):
        start = chance.randrange(max(1, length))
        audio[start : start + chance.randrange(1, 400)] = 0
    if wild and length:
        value = chance.choice([np.nan, np.inf, -np.inf, 1.5, 1e5, 1e12, 1e38, 1e-40])
        start = chance.randrange(length)
        audio[start : start + chance.choice([1, 50, length])] = value
    return audio * chance.choice([1, 1, 1, 0, 1.0])


def make_sound(folder: Path, stem: str, chance: random.Random) -> Path:
    """Write a file of a random format; what libsndfile does not write in it becomes WAV."""
    suffix, container, subtype, most = chance.choice(KINDS)
    length = chance.choice([0, 1, 2, 100, 3000, 5000, 8000, 8000, 12000])
    rate, channels = chance.choice(RATES[:6] * 3 + RATES), chance.randint(1, most)
    audio = sound(chance, length, channels, subtype in ("FLOAT", "DOUBLE") and chance.random() < 0.2)
    crashes = subtype == "VORBIS" and rate > 200_000
    path = folder / f"{stem}{suffix}"
    try:
        if not soundfile.check_format(container, subtype) or crashes:
            raise ValueError
        with soundfile.SoundFile(path, "w", rate, channels, subtype, None, container) as file:
            file.write(audio)
    except (soundfile.SoundFileError, ValueError, AssertionError):
        path.unlink(missing_ok=True)
        path = path.with_suffix(".wav")
        soundfile.write(path, audio, 16000, "PCM_16", format="WAV")
    return path


def make_media(folder: Path, stem: str, chance: random.Random) -> Path | None:
    """Write a file that ffmpeg reads for us, if it is there."""
    if not shutil.which("ffmpeg"):
        return None
    wav, path = folder / f"{stem}.wav", folder / f"{stem}{chance.choice(['.m4a', '.mka', '.wma', '.mp4'])}"
    soundfile.write(wav, sound(chance, 8000, 1, False), 16000)
    subprocess.run(["ffmpeg", "-v", "quiet", "-y", "-i", wav, path], check=False, stdin=subprocess.DEVNULL)
    wav.unlink()
    return path if path.is_file() else None


def harmed(content: bytes, chance: random.Random) -> bytes:
    """Damage the bytes of a file, mostly its head."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5])):
        head = min(len(data), chance.choice([48, 200, 2000, 1 << 20]))
        place = chance.randrange(head) if head else 0
        match chance.randrange(6):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                data[place & ~1 : (place & ~1) + 4] = chance.choice(EXTREMES)
            case 2:
                del data[chance.randrange(len(data) + 1) :]
            case 3:
                data[place:place] = chance.randbytes(chance.choice([1, 2, 100]))
            case 4:
                del data[place : place + chance.choice([1, 4, 40])]
            case 5:
                data[place : place + 64] = chance.randbytes(64)
    return bytes(data)
