"""Notes of freely licensed General MIDI instruments, played by fluidsynth, in NSynth's layout."""

import json
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from data_prep.nsynth import FOLDERS
from data_prep.packages import Program, unpack
from data_prep.parallel import ordered_map

PROGRAMS_NEEDED = [Program("dpkg-deb", "dpkg"), Program("fluidsynth", "fluidsynth")]
RENDER_RATE, NOTE_RATE, NOTE_SAMPLES = 48000, 16000, 64000  # NSynth: 4 s at 16 kHz
HELD_MS, SLOT_MS, SILENCED_MS = 3000, 6000, 5500  # NSynth: 3 s held, 1 s release; the rest of a slot dies away
VELOCITIES = (25, 50, 75, 100, 127)  # NSynth's
PITCH_STEP, PITCHES = 6, 11  # pitches of an instrument lie half an octave apart; the next program's one semitone higher
LOWEST = {"bass": 24}  # other families from C2; both reach five octaves up
RECORDS = ".instruments"  # folder of the notes of each instrument that is finished
DEAD = 1e-3  # peak, of full scale (-60 dBFS): the sound font has nothing at that pitch
LOUDEST = 0.9  # peak of an instrument's loudest note

# General MIDI's programs come in groups of eight; NSynth's family and source for each group. Program 55 is a hit of
# the whole orchestra, no instrument; from 96 on come effects, percussion and noises.
GROUPS = (
    ("keyboard", "acoustic"), ("mallet", "acoustic"), ("organ", "electronic"), ("guitar", "acoustic"),
    ("bass", "electronic"), ("string", "acoustic"), ("vocal", "acoustic"), ("brass", "acoustic"),
    ("reed", "acoustic"), ("flute", "acoustic"), ("synth_lead", "synthetic"), ("string", "synthetic"),
)  # fmt: skip
PROGRAMS = tuple(program for program in range(96) if program != 55)
SMALL_PROGRAMS = (0, 3, 6, 16, 19, 22, 40, 43, 46, 72, 75, 78)


@dataclass(frozen=True)
class SoundFont:
    """A package's sound font."""

    number: int
    name: str
    path: str
    licence: str


FONTS = (
    SoundFont(0, "fluid-soundfont-gm", "usr/share/sounds/sf2/FluidR3_GM.sf2", "MIT"),
    SoundFont(1, "timgm6mb-soundfont", "usr/share/sounds/sf2/TimGM6mb.sf2", "GPL-2+"),
)
SMALL_FONTS = ("timgm6mb-soundfont",)


@dataclass(frozen=True)
class Instrument:
    """A program played with a sound font; its number among NSynth's instruments is unique."""

    program: int
    font: SoundFont

    @property
    def family(self) -> str:
        """NSynth's."""
        return GROUPS[self.program // 8][0]

    @property
    def source(self) -> str:
        """NSynth's: how the sound is made."""
        return GROUPS[self.program // 8][1]

    @property
    def number(self) -> int:
        """Of the instrument, within all families."""
        return self.program * len(FONTS) + self.font.number

    @property
    def name(self) -> str:
        """As NSynth writes it."""
        return f"{self.family}_{self.source}_{self.number:03d}"

    @property
    def split(self) -> str:
        """That of the program, whatever the sound font: of each group of eight, one validates and one tests."""
        return {3: "validation", 6: "test"}.get(self.program % 8, "training")

    @property
    def notes(self) -> list[tuple[int, int]]:
        """Pitches and velocities to play."""
        lowest = LOWEST.get(self.family, 36) + self.program % PITCH_STEP
        return [(lowest + PITCH_STEP * i, velocity) for i in range(PITCHES) for velocity in VELOCITIES]


def write_notes(instruments: list[Instrument], downloads: Path, out: Path, workers: int) -> int:
    """Play instruments with the sound fonts of downloaded packages and list the notes in examples.json.

    Args:
        instruments: which.
        downloads: folder of the .deb files.
        out: gets nsynth-train and so on.
        workers: processes.

    Returns: the number of notes.

    Raises:
        InputError: fluidsynth failed or nothing can be written.
    """
    for font in {instrument.font for instrument in instruments}:
        unpack(font.name, downloads)
    for folder in (out / RECORDS, *(out / name / "audio" for name in FOLDERS.values())):
        folder.mkdir(parents=True, exist_ok=True)
    played = ordered_map(partial(play, downloads=downloads, out=out), instruments, workers)
    bar = tqdm(played, "notes", len(instruments), unit=" instruments", disable=None)
    examples = {split: {} for split in FOLDERS}
    for instrument, notes in zip(instruments, bar, strict=True):
        examples[instrument.split] |= {entry["note_str"]: entry for entry in notes}
    if not any(examples.values()):
        raise InputError("fluidsynth played no sound at all: see whether it plays a MIDI file with one of the fonts")
    for split, entries in examples.items():
        with replacing(out / FOLDERS[split] / "examples.json") as temporary:
            temporary.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    return sum(map(len, examples.values()))


def play(instrument: Instrument, downloads: Path, out: Path) -> list[dict]:
    """Write the notes of an instrument that sound, and give their entries for examples.json.

    An instrument that an earlier run finished is only read back.
    """
    record = out / RECORDS / f"{instrument.name}.json"
    if record.is_file():
        return json.loads(record.read_text(encoding="utf-8"))
    font = downloads / "unpacked" / instrument.font.name / instrument.font.path
    notes = list(render(font, instrument.program, instrument.notes))
    peaks = [float(np.abs(samples).max()) for samples in notes]
    scale = LOUDEST / max(max(peaks), DEAD)
    entries = []
    for (pitch, velocity), samples, peak in zip(instrument.notes, notes, peaks, strict=True):
        if scale * peak >= DEAD:
            entry = _entry(instrument, pitch, velocity)
            with replacing(out / FOLDERS[instrument.split] / "audio" / f"{entry['note_str']}.wav") as temporary:
                soundfile.write(temporary, scale * samples, NOTE_RATE, format="WAV", subtype="PCM_16")
            entries.append(entry)
    with replacing(record) as temporary:
        temporary.write_text(json.dumps(entries), encoding="utf-8")
    return entries


def render(font: Path, program: int, notes: list[tuple[int, int]]) -> Iterator[np.ndarray]:
    """Play notes with fluidsynth, without its reverb and chorus, and yield each as float32 (time,) at 16 kHz.

    Args:
        font: SoundFont 2 file.
        program: General MIDI's, from 0.
        notes: MIDI pitch and velocity of each.

    Raises:
        InputError: fluidsynth failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder, "notes.mid"), Path(folder, "notes.wav")
        midi.write_bytes(midi_file(program, notes))
        effects = ["-R", "0", "-C", "0"]
        form = ["-r", str(RENDER_RATE), "-T", "wav", "-O", "float", "-F", str(wav)]
        command = ["fluidsynth", "-n", "-i", "-q", *effects, *form, str(font), str(midi)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode or not wav.is_file():
            raise InputError(f"fluidsynth failed with {font.name}: {(result.stderr.strip() or 'no reason')[-300:]}")
        with soundfile.SoundFile(wav) as file:
            for index in range(len(notes)):
                file.seek(index * SLOT_MS * RENDER_RATE // 1000)
                slot = file.read(SLOT_MS * RENDER_RATE // 1000, dtype="float32", always_2d=True).mean(axis=1)
                yield soxr.resample(slot, RENDER_RATE, NOTE_RATE, quality="VHQ")[:NOTE_SAMPLES]


def midi_file(program: int, notes: list[tuple[int, int]]) -> bytes:
    """A standard MIDI file that plays notes one by one, each at the start of its slot.

    Args:
        program: General MIDI's, from 0.
        notes: MIDI pitch and velocity of each.
    """
    events = [(0, bytes([0xFF, 0x51, 3]) + (10**6).to_bytes(3, "big")), (0, bytes([0xC0, program]))]
    for index, (pitch, velocity) in enumerate(notes):
        start = index * SLOT_MS
        events.append((start, bytes([0x90, pitch, velocity])))
        events.append((start + HELD_MS, bytes([0x80, pitch, 0])))
        events.append((start + SILENCED_MS, bytes([0xB0, 120, 0])))  # all sound off: nothing leaks into the next slot
    events.append((len(notes) * SLOT_MS, bytes([0xFF, 0x2F, 0])))
    track, now = b"", 0
    for time, event in events:
        track += _variable_length(time - now) + event
        now = time
    # 1000 ticks a quarter note and 10^6 microseconds a quarter note make a tick a millisecond.
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1000) + b"MTrk" + struct.pack(">I", len(track)) + track


def _variable_length(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))


def _entry(instrument: Instrument, pitch: int, velocity: int) -> dict:
    """NSynth's fields for a note, and its licence; `note` numbers notes as the instruments."""
    families = ["bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead",
                "vocal"]  # fmt: skip
    return {
        "note": (instrument.number * 128 + pitch) * 128 + velocity,
        "note_str": f"{instrument.name}-{pitch:03d}-{velocity:03d}",
        "instrument": instrument.number,
        "instrument_str": instrument.name,
        "instrument_family": families.index(instrument.family),
        "instrument_family_str": instrument.family,
        "instrument_source": ["acoustic", "electronic", "synthetic"].index(instrument.source),
        "instrument_source_str": instrument.source,
        "pitch": pitch,
        "velocity": velocity,
        "sample_rate": NOTE_RATE,
        "qualities": [0] * 10,
        "qualities_str": [],
        "license": instrument.font.licence,
    }
