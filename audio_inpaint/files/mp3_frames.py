"""MP3 files with damaged frames, or that break off: whole frames are kept in their places, silent ones between them.

Source: ISO/IEC 11172-3, section 2.4.1 (frames, side information, main_data_begin); ISO/IEC 13818-3 for lower rates.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import temporary_folder
from audio_inpaint.files.formats import ENCODER_TAIL
from audio_inpaint.files.mended import Mended, joined

# kbit/s of layer III, by the index in a head, of MPEG 1 and of the lower rates
_KBPS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # Hz, by the version in a head
_DECODER = 529  # samples that every decoder is late


class _Frame(NamedTuple):
    """A frame: where it lies, whether it has a checksum, bytes of its side information, what all of a file share."""

    place: int
    stop: int
    checked: bool
    side: int
    kind: tuple[int, int, bool]  # version, Hz, mono

    @property
    def samples(self) -> int:
        """Samples of each channel."""
        return 1152 if self.kind[0] == 3 else 576


class _Scan(NamedTuple):
    """What is in a file.

    Attributes:
        frames: those with sound that are whole.
        junk: bytes before each that are none of a frame.
        cut: whether there are more such bytes after the last one.
        table: where the counts of Xing or LAME begin; 0 if it has none.
        promised: frames, by these counts; 0 for no matter.
        padding: samples after the end of the sound, by LAME's count.
    """

    frames: list[_Frame]
    junk: list[int]
    cut: bool
    table: int
    promised: int
    padding: int

    @property
    def missing(self) -> int:
        """How many frames lack that the file promises, if they are more than encoders leave out."""
        short, (_, rate, _) = self.promised - len(self.frames), self.frames[0].kind
        heard = short * self.frames[0].samples + _DECODER - self.padding
        return short if self.promised and heard > ENCODER_TAIL * rate else 0


def complete(path: Path) -> bool:
    """Whether an MP3 file has nothing but frames and tags, and says how many frames; libsndfile guesses otherwise."""
    scan = _scanned(path.read_bytes())
    return len(scan.frames) < 2 or bool(scan.table and not any(scan.junk) and not scan.missing)


@contextmanager
def mended(path: Path) -> Iterator[Mended]:
    """Write an MP3 file again with silent frames in the places of damaged ones, for as long as the block lasts.

    How many were lost is known by the number of all, or else by the bytes in their place.

    Raises:
        InputError: none of its frames is whole.
    """
    data = path.read_bytes()
    scan = _scanned(data)
    if len(scan.frames) < 2:
        raise InputError(f"{path} is damaged: none of its frames is whole")
    out, spans, count = bytearray(), [], 0
    held = 1 << 20  # bytes of whole frames, one after the other, that main data may reach back to
    broken = [*scan.junk[1:], 0]  # bytes where the next frame should be, for which one may be damaged itself
    for frame, before, junk in zip(scan.frames, _lost(scan), broken, strict=True):
        if before:
            spans.append((count, count + before))
            out += before * _silenced(data, frame)
            count, held = count + before, 0
        if junk or _main_data_begin(data, frame) > held:
            spans.append((count, count + 1))
            out += _silenced(data, frame)
        else:
            out += data[frame.place : frame.stop]
        held += frame.stop - frame.place - 4 - 2 * frame.checked - frame.side
        count += 1
    samples, late, left_out = scan.frames[0].samples, 0, 0
    if not scan.table:
        head = _counting(data, scan.frames[0], count)
    else:
        delay, padding = _delays(data, scan.table)
        late, left_out = _DECODER + 1 + delay, delay + padding
        counted = slice(scan.table + 8, scan.table + 12)
        head = data[: counted.start] + count.to_bytes(4, "big") + data[counted.stop : scan.frames[0].place]
    lost = [(max(0, first * samples - late), last * samples - late) for first, last in joined(spans)]
    promised = scan.promised * samples - left_out if scan.missing and scan.promised > count else 0
    with temporary_folder() as folder:
        made = folder / "mended.mp3"
        made.write_bytes(head + out)
        yield Mended(made, [span for span in lost if span[1] > 0], promised)


def _scanned(data: bytes) -> _Scan:
    """Find the frames of a file, and what lies between them."""
    frames, junk, place, unknown = [], [], _after_tags(data, 0), 0
    kind = None
    while place < len(data):
        frame = _frame(data, place, kind)
        if frame is not None and ((kind and not unknown) or _goes_on(data, frame)):
            kind, place = frame.kind, frame.stop
            frames.append(frame)
            junk.append(unknown if len(frames) > 1 else 0)  # what comes before all of them is no sound that was lost
            unknown = 0
        elif (after := _after_tags(data, place)) > place:
            place = after
        else:
            further = data.find(b"\xff", place + 1)
            unknown += (further if further >= 0 else len(data)) - place
            place = further if further >= 0 else len(data)
    if not frames:
        return _Scan([], [], False, 0, 0, 0)
    table = _table(data, frames[0])
    promised = int.from_bytes(data[table + 8 : table + 12], "big") if table else 0
    padding = _delays(data, table)[1] if table else 0
    return _Scan(frames[1:] if table else frames, junk[1:] if table else junk, unknown > 0, table, promised, padding)


def _after_tags(data: bytes, place: int) -> int:
    """Return the place after a tag in front of frames or between them; the place itself where there is none."""
    if data[place : place + 3] == b"ID3" and len(data) >= place + 10:
        size = sum((byte & 0x7F) << 7 * (3 - digit) for digit, byte in enumerate(data[place + 6 : place + 10]))
        return place + 10 + size + (10 if data[place + 5] & 0x10 else 0)
    if data[place : place + 3] == b"TAG":
        return place + 128
    if data[place : place + 8] == b"APETAGEX" and len(data) >= place + 32:
        return place + 32 + int.from_bytes(data[place + 12 : place + 16], "little")
    return place


def _frame(data: bytes, place: int, kind: tuple[int, int, bool] | None) -> _Frame | None:
    """Read the frame at a place; None if it is none, or not whole, or not of the kind of the file's others."""
    head = data[place : place + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # layer III alone
        return None
    version, index, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or index in (0, 15) or rate == 3:
        return None
    hertz, mono = _RATES[version][rate], head[3] >> 6 == 3
    if kind not in (None, (version, hertz, mono)):
        return None
    kbps = _KBPS[version != 3][index]
    stop = place + (144 if version == 3 else 72) * 1000 * kbps // hertz + (head[2] >> 1 & 1)
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    return _Frame(place, stop, not head[1] & 1, side, (version, hertz, mono)) if stop <= len(data) else None


def _goes_on(data: bytes, frame: _Frame) -> bool:
    """Whether another frame or the end comes after one, so that it is none by chance."""
    after = _after_tags(data, frame.stop)
    return after >= len(data) or _frame(data, after, frame.kind) is not None


def _table(data: bytes, frame: _Frame) -> int:
    """Return where the counts of Xing or LAME begin in a first frame, which then holds no sound; 0 if it has none."""
    place = frame.place + 4 + frame.side
    return place if data[place : place + 4] in (b"Xing", b"Info") and data[place + 7] & 1 else 0


def _counting(data: bytes, frame: _Frame, count: int) -> bytes:
    """Return a frame that says how many come after it, and one of silence, so that nothing is earlier than without.

    A decoder leaves out its own delay where frames are counted; with LAME's, which is stated, that is the silence.
    """
    head = bytearray(data[frame.place : frame.place + 4])
    head[1], head[2] = head[1] | 1, head[2] & 0x0C | 0xE0  # no checksum, no padding, the highest rate
    silent = bytes(head) + bytes(1 << 11)
    silent = silent[: _frame(silent, 0, frame.kind).stop]
    delays = (frame.samples - _DECODER << 12 | _DECODER).to_bytes(3, "big")
    table = b"Xing" + (1).to_bytes(4, "big") + (count + 1).to_bytes(4, "big") + b"LAME3.100" + bytes(12) + delays
    start = 4 + frame.side
    return silent[:start] + table + silent[start + len(table) :] + silent


def _delays(data: bytes, table: int) -> tuple[int, int]:
    """Return the samples that LAME says it put before and after the sound."""
    delays = int.from_bytes(data[table + 141 : table + 144], "big")
    return delays >> 12, delays & 0xFFF


def _lost(scan: _Scan) -> list[int]:
    """Return how many frames were lost before each."""
    size = sum(frame.stop - frame.place for frame in scan.frames) / len(scan.frames)
    guessed, total = [junk / size for junk in scan.junk], sum(scan.junk) / size
    if scan.promised and not scan.cut and total:
        share = max(0, scan.promised - len(scan.frames)) / total
        guessed = [share * one for one in guessed]
    edges = [round(share) for share in accumulate(guessed, initial=0.0)]
    return [after - before for before, after in pairwise(edges)]


def _main_data_begin(data: bytes, frame: _Frame) -> int:
    """Return how many bytes a frame's main data begins before it, heads and side information not counted."""
    place = frame.place + 4 + 2 * frame.checked
    return data[place] << 1 | data[place + 1] >> 7 if frame.kind[0] == 3 else data[place]


def _silenced(data: bytes, frame: _Frame) -> bytes:
    """Return a frame of the same length whose granules are empty; others may still reach back to its main data."""
    head = bytearray(data[frame.place : frame.place + 4])
    head[1] |= 1  # without a checksum
    return bytes(head) + bytes(frame.side) + data[frame.place + 4 + frame.side : frame.stop]
