"""Lists of gaps as people and programs write them: typed lists, CSV files, Audacity label tracks."""

import codecs
import csv
import math
import os
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TextIO

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.paths import identity
from audio_inpaint.gaps import Gap, check_gaps
from audio_inpaint.insertions import Insertion, parted
from audio_inpaint.marker_files import read_markers

_EXAMPLE = "write seconds as 0.1-0.15 or samples as 1600:2400, with commas between gaps; 2.0+0.015 inserts 15 ms"
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_SECONDS = re.compile(rf"({_NUMBER})\s*[-–]\s*({_NUMBER})")
_SAMPLES = re.compile(r"([+-]?[0-9]{1,18})\s*:\s*([+-]?[0-9]{1,18})")
_INSERTED = re.compile(rf"({_NUMBER})\s*\+\s*({_NUMBER})")  # seconds
_INSERTED_SAMPLES = re.compile(r"([+-]?[0-9]{1,18})\s*:\s*\+\s*([0-9]{1,18})")
# How the text of a label that inserts begins, judged or not.
_INSERTING = re.compile(rf"(?:(?:accept|reject|undecided) +)?insert ({_NUMBER}) ?(ms|s|samples)\b", re.IGNORECASE)
_POINT_S = 0.001
_LABEL_CHANNEL = re.compile(r"(?:^|\s)ch([1-9][0-9]{0,8})$")


def parse_gaps(text: str, sample_rate: int, length: int | None = None) -> list[Gap | Insertion]:
    """Reads a typed list such as "0.1-0.15,1600:2400": seconds with a hyphen, sample positions with a colon.

    "2.0+0.015" inserts 15 ms at 2 s, and "32000:+240" does so in samples. Seconds go to the nearest sample; where
    `length` (samples) is known, less than one sample past it means the end.
    Raises InputError naming the piece that cannot be read.
    """
    pieces = [piece.strip() for piece in re.split(r"[,;\n]", text)]
    gaps = [_parse_piece(piece, sample_rate, length) for piece in pieces if piece]
    if not gaps:
        raise InputError(f"the list of gaps is empty; {_EXAMPLE}")
    return gaps


def read_gaps(
    path: str | Path, sample_rate: int, length: int | None = None, recording: str | Path | None = None
) -> list[Gap | Insertion]:
    """Reads the gaps and insertions of a file that `read_labels` reads."""
    return [gap for gap, _ in read_labels(path, sample_rate, length, recording)]


def read_labels(
    path: str | Path, sample_rate: int, length: int | None = None, recording: str | Path | None = None
) -> list[tuple[Gap | Insertion, str]]:
    """Reads a CSV, [file,]start,end[,channel,text], an Audacity label track, or what `read_markers` reads.

    Times are seconds, the CSV's channel counts from 1, and a label ending in " ch2" is a gap of channel 2 alone. A
    label that ends where it begins, a point, means 1 ms on each side. A text with "insert 15 ms" inserts so much at the
    label's start; if it has an extent, that is lost too. An empty file holds no gaps. Of a CSV with a column file, the
    rows of `recording` are read; there may be none. Returns each gap and insertion with its text. Raises
    InputError naming the line that cannot be read.
    """
    if (markers := read_markers(path, sample_rate)) is not None:
        return markers
    try:
        with open(path, "rb") as file:
            wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", "surrogateescape")
        with open(path, encoding=encoding, errors=errors, newline="") as file:
            lines = [(number, line.rstrip("\r\n")) for number, line in enumerate(_text_lines(file, path), 1)]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    lines = [(number, line) for number, line in lines if line.strip()]
    if not lines:
        return []
    is_csv = re.match(r"\s*\"?(?:file|start)\"?\s*[,;\t]", lines[0][1], re.IGNORECASE)
    rows = _csv_rows(lines, path, recording) if is_csv else _label_rows(lines, path)
    gaps: list[tuple[Gap | Insertion, str]] = []
    for number, start, stop, channel, text in rows:
        try:
            if found := _INSERTING.match(text.strip()):
                gaps.append((_inserted(start, found[1], found[2].lower(), sample_rate), text))
            if start.strip() == stop.strip():
                if found:
                    continue
                gap = _around(start, sample_rate, length, _channel(channel))
            else:
                gap = _gap_of_seconds(start, stop, sample_rate, length, _channel(channel))
            gaps.append((gap, text))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
    return gaps


def resolve_gaps(
    spec: str, sample_rate: int, length: int, recording: str | Path | None = None
) -> list[Gap | Insertion]:
    """Turns what the user gave, a gap file where one of that name exists and a typed list otherwise, to checked gaps.

    Insertions come first, as they are. `length` is the recording's, in samples. Raises InputError.
    """
    if os.path.isfile(spec):  # unlike Path's, it does not mind a list that is too long for a name
        gaps = read_gaps(spec, sample_rate, length, recording)
    elif os.path.exists(spec) and not os.path.isdir(spec):
        what = "is empty" if os.path.samefile(spec, os.devnull) else "is not a regular file"
        raise InputError(f"{spec} {what}: name a file of gaps, or {_EXAMPLE}")
    elif re.search(r"[0-9]\s*,?\s*ch(?:annel)?\s*[0-9]+\s*(?:$|[,;])", spec, re.IGNORECASE):
        raise InputError(
            f"{_shown(spec)}: a typed gap is one of all channels; a channel is named in a file of gaps, "
            "by a label that ends in ' ch2' or a CSV with the columns start,end,channel"
        )
    elif re.search(r"[/\\]|[A-Za-z]{2}", spec):
        raise InputError(f"there is no gap file {_shown(spec)}; give an existing one, or {_EXAMPLE}")
    else:
        gaps = parse_gaps(spec, sample_rate, length)
    insertions, gaps = parted(gaps)
    return [*insertions, *check_gaps(gaps, length, sample_rate=sample_rate)]


def write_labels(path: str | Path, gaps: Sequence[Gap], sample_rate: int, texts: Sequence[str] | None = None) -> None:
    """Writes an Audacity label track that `read_gaps` reads back to the sample; `texts` are the labels ("gap")."""
    rows = []
    for gap, text in zip(gaps, texts if texts is not None else ["gap"] * len(gaps), strict=True):
        # A text's own ending " ch2" would be read back as a channel.
        words = re.sub(r"(?:(?:^|\s+)ch[0-9]+)+\s*$", "", " ".join(text.split()))
        words += "" if gap.channel is None else f" ch{gap.channel + 1}"
        rows.append("\t".join([*_times(gap, sample_rate), words.strip()]) + "\n")
    _write_whole(path, "".join(rows))


def write_csv(path: str | Path, gaps: Sequence[Gap], sample_rate: int, texts: Sequence[str] | None = None) -> None:
    """Writes the CSV start,end,channel[,text] that `read_gaps` reads back to the sample; channels count from 1."""
    rows = ["start,end,channel\n" if texts is None else "start,end,channel,text\n"]
    for gap, text in zip(gaps, texts if texts is not None else [None] * len(gaps), strict=True):
        cells = [*_times(gap, sample_rate), "" if gap.channel is None else str(gap.channel + 1)]
        if text is not None:
            cells.append(_quoted(" ".join(text.split())))
        rows.append(",".join(cells) + "\n")
    _write_whole(path, "".join(rows))


def write_table(path: str | Path, rows: Sequence[tuple[str, Gap, str, int]]) -> None:
    """Write the gaps of several files as the CSV file,start,end,channel,text; channels count from 1.

    Args:
        path: of the CSV.
        rows: the name of a file, its gap, a text, and the file's rate in Hz.
    """
    lines = ["file,start,end,channel,text\n"]
    for file, gap, text, rate in rows:
        cells = [_quoted(file), *_times(gap, rate), "" if gap.channel is None else str(gap.channel + 1), _quoted(text)]
        lines.append(",".join(cells) + "\n")
    _write_whole(path, "".join(lines))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def write_gaps(path: str | Path, gaps: Sequence[Gap], texts: Sequence[str], sample_rate: int) -> None:
    """Write gaps and their texts: a CSV if the name ends in .csv, and a label track otherwise."""
    write = write_csv if Path(path).suffix.lower() == ".csv" else write_labels
    write(path, gaps, sample_rate, texts)


def _parse_piece(piece: str, sample_rate: int, length: int | None) -> Gap | Insertion:
    if match := _INSERTED.fullmatch(piece):
        return _inserted(*match.groups(), "s", sample_rate)
    if match := _INSERTED_SAMPLES.fullmatch(piece):
        return Insertion(int(match[1]), int(match[2]))
    if match := _SECONDS.fullmatch(piece):
        return _gap_of_seconds(*match.groups(), sample_rate, length, None)
    if match := _SAMPLES.fullmatch(piece):
        return _ordered(int(match[1]), int(match[2]), piece, None)
    raise InputError(f"{_shown(piece)} is not a gap; {_EXAMPLE} (decimals take a point)")


def _gap_of_seconds(start: str, stop: str, sample_rate: int, length: int | None, channel: int | None) -> Gap:
    positions = []
    for cell in (start, stop):
        number = cell.strip().replace(",", ".")
        if not re.fullmatch(_NUMBER, number) or not math.isfinite(exact := float(number) * sample_rate):
            raise InputError(f"{_shown(cell)} is not a time in seconds, such as 0.15")
        ends = length is not None and length < exact < length + 1
        positions.append(length if ends else round(exact))
    return _ordered(*positions, f"{start.strip()}-{stop.strip()}", channel)


def _inserted(start: str, length: str, unit: str, sample_rate: int) -> Insertion:
    """Return an insertion at a time in seconds."""
    at, size = (float(number.strip().replace(",", ".")) for number in (start, length))
    scale = {"ms": sample_rate / 1000, "s": sample_rate, "samples": 1}[unit]
    if not (abs(at * sample_rate) < 1e15 and abs(size * scale) < 1e15):
        raise InputError(f"{_shown(f'{start}+{length}')} is not a time in seconds, such as 2.0+0.015")
    return Insertion(round(at * sample_rate), round(size * scale))


def _around(point: str, sample_rate: int, length: int | None, channel: int | None) -> Gap:
    """Return the millisecond on each side of a label without an extent."""
    number = point.strip().replace(",", ".")
    if not re.fullmatch(_NUMBER, number) or not math.isfinite(exact := float(number) * sample_rate):
        raise InputError(f"{_shown(point)} is not a time in seconds, such as 0.15")
    if exact < 0 or (length is not None and exact > length):
        raise InputError(f"the label at {point.strip()} s lies outside the file")
    reach = max(1, round(_POINT_S * sample_rate))
    stop = round(exact) + reach
    return Gap(max(0, round(exact) - reach), stop if length is None else min(length, stop), channel)


def _ordered(start: int, stop: int, shown: str, channel: int | None) -> Gap:
    if start < 0 or shown.startswith("-"):
        raise InputError(f"the gap {_shown(shown)} begins before the file does: a time must not be negative")
    if stop < start:
        raise InputError(f"the gap {_shown(shown)} ends before it begins; put the smaller number first")
    if stop == start:
        raise InputError(f"the gap {_shown(shown)} holds no sample; a gap needs an end after its beginning")
    return Gap(start, stop, channel)


def _text_lines(file: TextIO, path: str | Path) -> Iterator[str]:
    for line in file:
        if "\0" in line or len(line) > 10_000:
            raise InputError(f"{path} is not a text file of gaps; give a CSV with the header start,end or label track")
        yield line


def _csv_rows(
    lines: list[tuple[int, str]], path: str | Path, recording: str | Path | None
) -> Iterator[tuple[int, str, str, str, str]]:
    delimiter = re.search(r"[,;\t]", lines[0][1])[0]
    names = [name.strip().lower() for name in next(csv.reader([lines[0][1]], delimiter=delimiter))]
    if not {"start", "end"} <= set(names):
        raise InputError(f"{path}, line {lines[0][0]}: the header needs the columns start,end")
    if "file" in names and recording is None:
        raise InputError(f"{path} lists gaps of files, in its column file: give a list of one recording")

    @cache
    def ours(file: str) -> bool:
        return identity(file) == identity(recording)

    for number, line in lines[1:]:
        cells = next(csv.reader([line], delimiter=delimiter))
        row = dict(zip(names, cells, strict=False))
        if not {"start", "end"} <= set(row) or len(cells) > len(names):
            raise InputError(f"{path}, line {number}: {_shown(line)} does not have the header's {len(names)} columns")
        if "file" in names and not ours(row["file"]):
            continue
        yield number, row["start"], row["end"], row.get("channel", ""), row.get("text", "")


def _label_rows(lines: list[tuple[int, str]], path: str | Path) -> Iterator[tuple[int, str, str, str, str]]:
    for number, line in lines:
        if line.startswith("\\"):  # the frequency range of a spectral selection
            continue
        start, *others = line.split("\t", 2)
        if not others:
            raise InputError(
                f"{path}, line {number}: {_shown(line)} is neither a CSV header start,end nor an Audacity label "
                "(start, tab, end in seconds)"
            )
        text = others[1].strip() if len(others) > 1 else ""
        channel = _LABEL_CHANNEL.search(text)
        yield number, start, others[0], channel[1] if channel else "", text


def _channel(cell: str) -> int | None:
    if not cell.strip():
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", cell.strip()):
        raise InputError(f"{_shown(cell)} is not a channel: channels count from 1, and an empty cell means all")
    return int(cell) - 1


def _times(gap: Gap, sample_rate: int) -> list[str]:
    decimals = max(6, len(str(int(sample_rate))) + 1)  # steps below a tenth of a sample
    return [f"{position / sample_rate:.{decimals}f}" for position in (gap.start, gap.stop)]


def _write_whole(path: str | Path, text: str) -> None:
    path = Path(path)
    if path.exists() and not path.is_file():  # a pipe or a device is written, not replaced
        path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
        return
    with replacing(path) as temporary:  # names may hold bytes that are no text
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
