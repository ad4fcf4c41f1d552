"""Freely licensed speech of Debian packages, joined into clips of 4 to 10 s; whole languages validate and test."""

import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason, replacing
from data_prep import g722
from data_prep.conversion import BLOCK, Refused
from data_prep.limits import Unusable, opened
from data_prep.packages import unpack, version
from data_prep.parallel import ordered_map

SHORTEST, LONGEST = 4, 10  # seconds of a clip: room for four gaps of 64 ms and what surrounds them
FRAME = 0.02  # seconds whose level is measured at once
SILENT, DEPTH = -45.0, 35.0  # dBFS that some frame exceeds; dB under the loudest frame where speech ends
MARGIN, FADE = 0.1, 0.01  # seconds kept before and after speech; of the cross-fade between utterances
FEWEST = 0.2  # seconds of speech: less is a click
SESSION = 100  # utterances of a speaker that one worker joins
MOST_SECONDS = 600  # of an utterance
RECORDS = ".sessions"  # folder of the clips of each session that is finished
VALIDATION, TEST = ("it", "el"), ("fr", "da")  # languages; those that share a speaker stay together: ru be, en es


@dataclass(frozen=True)
class Voice:
    """The utterances of a language in a package.

    Args:
        name: its clips' names begin with it.
        package: Debian's.
        language: ISO 639-1.
        files: pattern of the utterances.
        speaker: who speaks; where `roles` matches a file's path, what its group holds comes after.
        licence: as the package's copyright file has it.
        roles: of files of several speakers.
    """

    name: str
    package: str
    language: str
    files: str
    speaker: str
    licence: str
    roles: str = ""

    @property
    def split(self) -> str:
        """That of the language."""
        return "validation" if self.language in VALIDATION else "test" if self.language in TEST else "training"


def _stamps(language: str, speaker: str) -> Voice:
    files = f"usr/share/tuxpaint/stamps/**/*_desc_{language}.ogg"
    return Voice(f"stamps-{language}", "tuxpaint-stamps-default", language, files, speaker, "GPL-2")


def _prompts(language: str, folder: str, speaker: str, licence: str) -> Voice:
    package, files = f"asterisk-core-sounds-{language}-g722", f"usr/share/asterisk/sounds/{folder}/**/*.g722"
    return Voice(f"asterisk-{language}", package, language, files, speaker, licence)


VOICES = (
    Voice("festvox-ru", "festvox-ru", "ru", "usr/share/festival/voices/russian/msu_ru_nsh_clunits/wav/*.wav",
          "Nickolay V. Shmyrev", "BSD-like"),
    Voice("fillets-cs", "fillets-ng-data-cs", "cs", "usr/share/games/fillets-ng/sound/*/cs/*.ogg", "Fish Fillets",
          # The two fish speak in all levels, as -m- and -v-; others in one, under a common beginning.
          "GPL-2", roles=r"^(?:.*[/-]([mv])-|.*/([^/]+/cs/[^/]*)-|.*/([^/]+/cs)/)"),
    _prompts("en", "en_US_f_Allison", "Allison Smith", "CC-BY-SA-3.0"),
    _prompts("es", "es_MX_f_Allison", "Allison Smith", "CC-BY-SA-3.0"),
    _prompts("ru", "ru_RU_f_IvrvoiceRU", "Ivrvoice.ru", "CC-BY-3.0"),
    _stamps("ru", "Edwin Veber or Kseniya Buraya"), _stamps("be", "Kseniya Buraya"), _stamps("ro", "Tabbytha"),
    _stamps("es", "Estefanía Ortiz"), _stamps("bg", "Krasimir Petkov"), _stamps("ca", "Pere Pujal i Carabantes"),
    _prompts("it", "it_IT_m_Carlo", "Carlo Flora", "CC-BY-3.0"),
    Voice("menardi-it", "asterisk-prompt-it-menardi-wav", "it", "usr/share/asterisk/sounds/it_IT_f_Menardi/**/*.wav",
          "Paola Dal Zot", "CC-BY-SA-3.0"),
    _stamps("el", "Kyriaki Serafeim"),
    _prompts("fr", "fr_CA_f_June", "June Wallack", "CC-BY-SA-3.0"),
    _stamps("fr", "PaulK"), _stamps("da", "Joe Dalton"),
)  # fmt: skip
SMALL = ("asterisk-es", "asterisk-it", "asterisk-fr")
Audio = tuple[np.ndarray, int]
NO_SPEECH = re.compile(r"/silence/|/(?:beep|beeperr|(?:a|de)scending-2tone|confbridge-(?:join|leave)|tt-monkeys)\.")


@dataclass(frozen=True)
class Session:
    """Utterances of a speaker in the order of their files, its number within the voice."""

    voice: Voice
    version: str
    number: int
    speaker: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Clip:
    """A line of metadata.csv."""

    file_name: str
    language: str
    speaker: str
    licence: str
    title: str
    seconds: float
    origin: str


def write_speech(voices: list[Voice], downloads: Path, out: Path, workers: int) -> tuple[int, list[Refused]]:
    """Join the utterances of downloaded packages into clips and list them in metadata.csv.

    Args:
        voices: which.
        downloads: folder of the .deb files.
        out: gets training/ru/festvox-ru-000-000.flac and so on, each at its utterances' rate, and metadata.csv.
        workers: processes.

    Returns: the number of clips, and the files that cannot be read.

    Raises:
        InputError: a package holds none of its voice, or nothing can be written.
    """
    sessions = list_sessions(voices, downloads)
    for folder in {out / RECORDS, *(out / voice.split / voice.language for voice in voices)}:
        folder.mkdir(parents=True, exist_ok=True)
    joined = ordered_map(partial(join_session, out=out), sessions, workers)
    clips, refused = [], []
    for found, without in tqdm(joined, "speech", len(sessions), unit=" sessions", disable=None):
        clips += found
        refused += without
    with (
        replacing(out / "metadata.csv") as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, [field.name for field in fields(Clip)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, clips))
    return len(clips), refused


def list_sessions(voices: list[Voice], downloads: Path) -> list[Session]:
    """Unpack packages and list their utterances; of files with the same content the first counts.

    Raises:
        InputError: a package has none of a voice.
    """
    seen, sessions = set(), []
    for voice in voices:
        folder = unpack(voice.package, downloads)
        speakers = defaultdict(list)
        for path in sorted(folder.glob(voice.files)):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not path.is_symlink() and not NO_SPEECH.search(f"/{name}"):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
                if content not in seen:
                    speakers[speaker_of(voice, name)].append(path)
                seen.add(content)
        found = version(voice.package, downloads)
        if not speakers:
            raise InputError(f"{voice.package} {found} holds no {voice.files}: it has changed")
        parts = [
            (speaker, tuple(files[start : start + SESSION]))
            for speaker, files in sorted(speakers.items())
            for start in range(0, len(files), SESSION)
        ]
        sessions += [Session(voice, found, number, *part) for number, part in enumerate(parts)]
    return sessions


def join_session(session: Session, out: Path) -> tuple[list[Clip], list[Refused]]:
    """Join utterances that follow each other into clips, and describe these and the files that cannot be read.

    A session that an earlier run finished is only read back.
    """
    voice, name = session.voice, f"{session.voice.name}-{session.number:03d}"
    record = out / RECORDS / f"{name}.json"
    if record.is_file():
        known = json.loads(record.read_text(encoding="utf-8"))
        return [Clip(**clip) for clip in known["clips"]], [Refused(*item) for item in known["refused"].items()]
    utterances, refused = defaultdict(list), []
    for path, found in read_utterances(session.files):
        if isinstance(found, str):
            refused.append(Refused(f"{voice.package}: {path.name}", found))
            continue
        samples, rate = found
        spoken = speech_in(samples, rate)
        if len(spoken) >= FEWEST * rate:
            utterances[rate].append((path.name, spoken))
    clips = []
    for rate, taken in sorted(utterances.items()):
        for files, samples in joined_clips(taken, rate):
            file_name = f"{voice.split}/{voice.language}/{name}-{len(clips):03d}.flac"
            with replacing(out / file_name) as temporary:
                soundfile.write(temporary, samples, rate, format="FLAC", subtype="PCM_16")
            clips.append(
                Clip(
                    file_name,
                    voice.language,
                    session.speaker,
                    voice.licence,
                    title=" ".join(files),
                    seconds=round(len(samples) / rate, 3),
                    origin=f"Debian package {voice.package} {session.version}",
                )
            )
    with replacing(record) as temporary:
        known = {"clips": [asdict(clip) for clip in clips], "refused": {one.key: one.reason for one in refused}}
        temporary.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
    return clips, refused


def read_utterances(paths: Sequence[Path]) -> Iterator[tuple[Path, Audio | str]]:
    """Read recordings: of each its samples (time,), its channels averaged, and its rate in Hz, or why it has none."""
    coded = [path for path in paths if path.suffix == g722.SUFFIX]
    try:
        decoded = dict(zip(coded, g722.as_wav(coded), strict=True)) if coded else {}
    except Unusable:  # one of them, which is now found
        decoded = {}
    for path in paths:
        try:
            source = path
            if path.suffix == g722.SUFFIX:
                source = decoded[path] if decoded else g722.as_wav([path])[0]
            with opened(source, MOST_SECONDS) as file:
                blocks = [block.mean(axis=1) for block in file.blocks(BLOCK, dtype="float32", always_2d=True)]
                samples = np.concatenate(blocks or [np.zeros(0, np.float32)])
            if not len(samples) or not np.isfinite(samples).all():
                raise Unusable("holds values that are no numbers" if len(samples) else "holds no samples")
            # Some were recorded with an offset, by which silence would pass for sound.
            yield path, (samples - samples.mean(), file.samplerate)
        except (Unusable, soundfile.SoundFileError, OSError, RuntimeError, MemoryError) as error:
            yield path, reason(error)


def speech_in(samples: np.ndarray, rate: int) -> np.ndarray:
    """Cut samples (time,) to what lies between the first and the last frame of speech, with a margin: see `DEPTH`."""
    size = max(1, round(FRAME * rate))
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    level = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-20)
    if not len(level) or not level.max() > SILENT:
        return samples[:0]
    loud = np.flatnonzero(level >= level.max() - DEPTH)
    margin = round(MARGIN * rate)
    return samples[max(0, loud[0] * size - margin) : (loud[-1] + 1) * size + margin]


def joined_clips(utterances: list[tuple[str, np.ndarray]], rate: int) -> Iterator[tuple[list[str], np.ndarray]]:
    """Join utterances until a clip is long enough, cut what is too long into equal parts, and drop a short rest.

    Args:
        utterances: name and samples (time,) of each, in order.
        rate: Hz.

    Yields: the names of what a clip holds, and its samples (time,).
    """
    names, joined = [], np.zeros(0, np.float32)
    for name, samples in utterances:
        joined = cross_faded(joined, samples, round(FADE * rate))
        names.append(name)
        if len(joined) >= SHORTEST * rate:
            parts = -(-len(joined) // (LONGEST * rate))
            yield from ((names, part) for part in np.array_split(joined, parts))
            names, joined = [], joined[:0]


def cross_faded(first: np.ndarray, second: np.ndarray, fade: int) -> np.ndarray:
    """Join samples (time,), the last `fade` of the first blended into the first of the second."""
    fade = min(fade, len(first), len(second))
    rising = np.linspace(0, 1, fade + 2, dtype=np.float32)[1:-1]
    both = first[len(first) - fade :] * (1 - rising) + second[:fade] * rising
    return np.concatenate([first[: len(first) - fade], both, second[fade:]])


def speaker_of(voice: Voice, name: str) -> str:
    """The speaker of a file of a package."""
    found = re.search(voice.roles, name) if voice.roles else None
    return f"{voice.speaker}: {found[found.lastindex]}" if found else voice.speaker
