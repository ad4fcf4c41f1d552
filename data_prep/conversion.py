"""One recording made ready for training: decoded, mono, resampled, without silent ends, 16-bit FLAC."""

import io
import json
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from audio_inpaint.files.atomic import reason
from data_prep.limits import ARCHIVE_ERRORS, MOST_SECONDS, Unusable, opened
from data_prep.recording import Recording

BLOCK = 1 << 18  # samples of each channel decoded at once
TRIM_FRAME, TRIM_HOP, TRIM_LEVEL = 1024, 512, 0.01  # Marafioti et al., 2019, published code: RMS of full scale
LOST_TAIL = 0.05  # seconds that a lossy file may lack of what its header promises: an encoder's last packet
SHORTEST = 0.9  # of the seconds that the source promises: the clip is otherwise a broken download


@dataclass(frozen=True)
class Target:
    """What recordings become, and the segments counted in them.

    Args:
        sample_rate: Hz.
        segment, context, gap: samples of a training segment, before its gap, and of its gap.
        hop: samples from one segment to the next.
        silent: mean magnitude below which a gap holds nothing to learn.
    """

    sample_rate: int
    segment: int
    context: int
    gap: int
    hop: int
    silent: float


@dataclass(frozen=True)
class Converted:
    """A recording as a shard holds it, and its counts."""

    key: str
    flac: bytes
    json: bytes
    licence: str
    samples: int
    segments: int
    audible: int


@dataclass(frozen=True)
class Refused:
    """A recording that cannot be used and why."""

    key: str
    reason: str


def convert(recording: Recording, target: Target) -> Converted | Refused:
    """Convert a recording; whatever is wrong with the file is told, never raised."""
    try:
        data = recording.read()
    except Unusable as error:
        return Refused(recording.key, str(error))
    except (MemoryError, *ARCHIVE_ERRORS) as error:
        return Refused(recording.key, f"cannot be read: {reason(error)}")
    try:
        audio, seconds = decode(data, target.sample_rate)
    except Unusable as error:
        return Refused(recording.key, str(error))
    except (soundfile.SoundFileError, ValueError, RuntimeError, MemoryError) as error:  # a header can promise anything
        return Refused(recording.key, f"cannot be decoded: {reason(error)}")
    if recording.seconds is not None and seconds < SHORTEST * recording.seconds:
        return Refused(recording.key, f"holds {seconds:.2f} s, its source promises {recording.seconds:.0f} s")
    samples = trim(to_16_bit(audio))
    if len(samples) < target.segment:
        what = f"shorter than a segment of {target.segment} samples" if len(samples) else "silent"
        return Refused(recording.key, what)
    segments, audible = count_segments(samples, target)
    metadata = {**recording.metadata, "sample_rate": target.sample_rate, "samples": len(samples)}
    return Converted(
        key=recording.key,
        flac=to_flac(samples, target.sample_rate),
        json=json.dumps(metadata, ensure_ascii=False, sort_keys=True).encode(),
        licence=str(recording.metadata.get("licence", "unknown")),
        samples=len(samples),
        segments=segments,
        audible=audible,
    )


def decode(data: bytes, sample_rate: int) -> tuple[np.ndarray, float]:
    """Decode a file to float32 mono (time,) at `sample_rate`, and give its length in seconds.

    Channels are averaged. soxr's highest quality is flat to 7.3 kHz of 8 and leaves no aliases above -150 dB, where
    torchaudio's windowed sinc, 64 zero crossings wide and no faster, lets 8.1 kHz through at -36 dB; and it goes block
    by block, so that only the mono result is held in memory.

    Raises:
        soundfile.SoundFileError: not audio.
        Unusable: no samples, fewer than the header promises, more than a recording may have, or no numbers.
    """
    if not data:
        raise Unusable("empty (0 bytes)")
    with opened(data) as file:
        rate, promised, read = file.samplerate, file.frames, 0
        resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="VHQ")
        blocks = []
        while True:
            block = file.read(BLOCK, dtype="float32", always_2d=True)
            read += len(block)
            if read > MOST_SECONDS * rate:
                raise Unusable(f"lasts more than {MOST_SECONDS} s: cut it")
            mono = block.mean(axis=1)
            blocks.append(mono if rate == sample_rate else resampler.resample_chunk(mono, last=len(block) < BLOCK))
            if len(block) < BLOCK:
                break
    if not read:
        raise Unusable("holds no samples")
    if read + LOST_TAIL * rate < promised:
        raise Unusable(f"cut short: ends at {read / rate:.2f} s, its header promises {promised / rate:.2f} s")
    audio = np.concatenate(blocks)
    if not np.isfinite(audio).all():
        raise Unusable("holds values that are no numbers")
    return audio, read / rate


def to_16_bit(audio: np.ndarray) -> np.ndarray:
    """Round and clip to int16."""
    return np.clip(np.rint(audio * 32768.0), -32768, 32767).astype(np.int16)


def trim(samples: np.ndarray) -> np.ndarray:
    """Cut int16 samples (time,) to what lies between the first and the last frame whose RMS exceeds 0.01."""
    frames = max(1, -(-(len(samples) - TRIM_FRAME) // TRIM_HOP) + 1)
    power = np.zeros((frames - 1) * TRIM_HOP + TRIM_FRAME + 1)
    np.cumsum(np.square(samples, dtype=np.float64), out=power[1 : len(samples) + 1])
    power[len(samples) + 1 :] = power[len(samples)]
    starts = np.arange(frames) * TRIM_HOP
    loud = starts[power[starts + TRIM_FRAME] - power[starts] > TRIM_FRAME * (TRIM_LEVEL * 32768) ** 2]
    return samples[loud[0] : loud[-1] + TRIM_FRAME] if len(loud) else samples[:0]


def count_segments(samples: np.ndarray, target: Target) -> tuple[int, int]:
    """How many segments int16 samples (time,) hold, and in how many of them the gap is not silent."""
    starts = np.arange(0, len(samples) - target.segment + 1, target.hop) + target.context
    total = np.concatenate([[0], np.cumsum(np.abs(samples.astype(np.int64)))])
    mean = (total[starts + target.gap] - total[starts]) / (32768 * target.gap)
    return len(starts), int((mean >= target.silent).sum())


def to_flac(samples: np.ndarray, sample_rate: int) -> bytes:
    """Encode int16 samples (time,) as FLAC."""
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()
