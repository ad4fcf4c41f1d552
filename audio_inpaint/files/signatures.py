"""What a file is, by its first bytes, whatever its name says."""

from __future__ import annotations

# First bytes of audio, the place where they stand, and the suffix that libsndfile or ffmpeg knows them by.
_AUDIO = (
    (b"RIFF", 0, ".wav"), (b"RF64", 0, ".wav"), (b"RIFX", 0, ".wav"), (b"fLaC", 0, ".flac"), (b"OggS", 0, ".ogg"),
    (b"FORM", 0, ".aiff"), (b".snd", 0, ".au"), (b"caff", 0, ".caf"), (b"riff", 0, ".w64"), (b"ID3", 0, ".mp3"),
    (b"\xff\xfb", 0, ".mp3"), (b"\xff\xf3", 0, ".mp3"), (b"\xff\xfa", 0, ".mp3"), (b"\xff\xf2", 0, ".mp3"),
    (b"ftyp", 4, ".m4a"), (b"\x1aE\xdf\xa3", 0, ".mka"), (b"\x30\x26\xb2\x75", 0, ".wma"), (b"\xff\xf1", 0, ".aac"),
    (b"\xff\xf9", 0, ".aac"), (b"\x0b\x77", 0, ".ac3"), (b"wvpk", 0, ".wv"), (b"MAC ", 0, ".ape"), (b"TTA", 0, ".tta"),
    (b"#!AMR", 0, ".amr"), (b"MPCK", 0, ".mpc"), (b"MP+", 0, ".mpc"),
    (b"FLV\x01", 0, ".flv"), (b".RMF", 0, ".rm"), (b"\x7f\xfe\x80\x01", 0, ".dts"), (b"DSD ", 0, ".dsf"),
    (b"FRM8", 0, ".dff"), (b"ajkg", 0, ".shn"), (b"tBaK", 0, ".tak"),
)  # fmt: skip
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive"), (b"Rar!", "a RAR archive"), (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"), (b"%PDF", "a PDF document"), (b"\x89PNG", "a picture"), (b"GIF8", "a picture"),
    (b"\xff\xd8\xff", "a picture"), (b"\x7fELF", "a program"), (b"MZ", "a program"), (b"SQLite", "a database"),
)  # fmt: skip
HEAD = 512  # bytes that are looked at


def suffix_of(head: bytes) -> str | None:
    """Return the suffix of the audio format that a file's first bytes belong to; None if they belong to none.

    >>> suffix_of(b"fLaC"), suffix_of(b"Dear all,")
    ('.flac', None)
    """
    return next((suffix for start, place, suffix in _AUDIO if head[place:].startswith(start)), None)


def junk(head: bytes) -> str | None:
    """Say what a file is that is no audio, by its first bytes; None where they might be some.

    >>> junk(b"Dear all,"), junk(b"PK\\x03\\x04..."), junk(b"RIFF....WAVE")
    ('text', 'a ZIP archive', None)
    """
    if suffix_of(head) is not None:
        return None
    if (kind := next((kind for start, kind in _OTHERS if head.startswith(start)), None)) is not None:
        return kind
    if not any(head):
        return "zeros"
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not only a letter that the end cuts
            return None
        text = head[: error.start].decode()
    return "text" if all(letter.isprintable() or letter.isspace() for letter in text) else None
