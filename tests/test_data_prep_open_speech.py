"""The open corpus's speech: utterances of packages made here, joined into clips, with whole languages held out."""

import csv
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from debian_packages import build_package, put_apt_get
from prepared_sources import all_digests, audio_file, samples_of, tone

from data_prep import open_corpus, open_speech, shards
from data_prep.open_speech import Voice

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="makes Debian packages")

VOICES = (
    Voice("plain-xx", "plain-voice", "xx", "usr/share/plain/xx/*.wav", "A", "PD"),
    Voice("plain-it", "plain-voice", "it", "usr/share/plain/it/*.wav", "B", "PD"),
    Voice("roles-fr", "roles-voice", "fr", "usr/share/roles/*.ogg", "Play", "GPL-2", roles=r"-([ab])-"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Path:
    """Two packages: nine utterances of 1.5 s in each of two languages, two of them alike, and a play."""
    root = tmp_path_factory.mktemp("packages")
    for language, hertz in (("xx", 300), ("it", 400)):
        for number in range(9):
            path = root / f"plain/usr/share/plain/{language}/{number}.wav"
            audio_file(path, 1.5, 16000, hertz=hertz + 10 * number)
    again = root / "plain/usr/share/plain/it/again.wav"
    shutil.copy(root / "plain/usr/share/plain/xx/3.wav", again)
    for role, hertz in (("a", 500.0), ("b", 900.0)):
        for number in range(4):
            audio_file(root / f"roles/usr/share/roles/{number}-{role}-x.ogg", 2, 8000, 2, hertz=hertz)
    for name in ("plain", "roles"):
        build_package(root / name, f"{name}-voice", root / "server")
    return root / "server"


@pytest.fixture
def debian(server, tmp_path, monkeypatch) -> Path:
    """The stand-ins in place; gives an empty folder for a corpus."""
    put_apt_get(tmp_path / "programs", server, monkeypatch)
    monkeypatch.setattr(open_speech, "VOICES", VOICES)
    return tmp_path / "corpus"


def rows(corpus: Path) -> dict[str, dict[str, str]]:
    with open(corpus / "speech/metadata.csv", encoding="utf-8", newline="") as file:
        return {row["file_name"]: row for row in csv.DictReader(file)}


def test_utterances_become_clips_by_split_and_language(debian):
    assert open_corpus.build(debian, kinds=("speech",)) == {"speech": len(rows(debian))}
    found = sorted(path.relative_to(debian / "speech").as_posix() for path in debian.rglob("*.flac"))
    assert found == [
        "test/fr/roles-fr-000-000.flac",
        "test/fr/roles-fr-001-000.flac",
        "training/xx/plain-xx-000-000.flac",
        "training/xx/plain-xx-000-001.flac",
        "training/xx/plain-xx-000-002.flac",
        "validation/it/plain-it-000-000.flac",
        "validation/it/plain-it-000-001.flac",
        "validation/it/plain-it-000-002.flac",
    ]
    assert set(rows(debian)) == set(found)
    for name, row in rows(debian).items():
        samples, rate = soundfile.read(debian / "speech" / name, always_2d=True)
        assert (rate, samples.shape[1]) == (8000 if "/fr/" in name else 16000, 1)
        assert 4 <= len(samples) / rate == pytest.approx(float(row["seconds"]), abs=1e-3)
        assert len(samples) / rate <= 10
    first = rows(debian)["training/xx/plain-xx-000-000.flac"]
    assert (first["title"], first["licence"], first["speaker"]) == ("0.wav 1.wav 2.wav", "PD", "A")
    assert first["origin"] == "Debian package plain-voice 1:2.0-1"


def test_a_clip_holds_its_utterances_in_order_and_fades_between_them(debian):
    open_corpus.build(debian, kinds=("speech",))
    clip, rate = soundfile.read(debian / "speech/training/xx/plain-xx-000-001.flac")
    fade = round(open_speech.FADE * rate)
    assert len(clip) == 3 * 24000 - 2 * fade
    start = 0
    for number in (3, 4, 5):
        kept = slice(fade, 24000 - fade)
        expected = tone(1.5, rate, hertz=300 + 10 * number)[kept, 0]
        np.testing.assert_allclose(clip[start + fade : start + 24000 - fade], expected, atol=1e-4)
        start += 24000 - fade
    assert np.abs(np.diff(clip)).max() < 0.05  # no click where they meet


def test_speakers_of_one_package_are_never_in_one_clip(debian):
    open_corpus.build(debian, kinds=("speech",))
    for number, (speaker, hertz) in enumerate((("Play: a", 500), ("Play: b", 900))):
        name = f"test/fr/roles-fr-{number:03d}-000.flac"
        assert rows(debian)[name]["speaker"] == speaker
        samples, rate = soundfile.read(debian / "speech" / name)
        spectrum = np.abs(np.fft.rfft(samples)) ** 2
        near = np.abs(np.fft.rfftfreq(len(samples), 1 / rate) - hertz) < 30
        assert spectrum[near].sum() > 0.98 * spectrum.sum()


def test_a_recording_that_is_there_twice_counts_once_and_so_is_in_one_split(debian):
    open_corpus.build(debian, kinds=("speech",))
    assert sum("3.wav" in row["title"] for row in rows(debian).values() if row["language"] == "xx") == 1
    assert not any("again.wav" in row["title"] for row in rows(debian).values())


def test_the_corpus_is_the_same_for_any_worker_count_and_continues(debian, monkeypatch):
    monkeypatch.setattr(open_speech, "SESSION", 3)
    open_corpus.build(debian, kinds=("speech",), workers=2)
    other = debian.with_name("other")
    join = open_speech.join_session

    def stop_at_third(session, out):
        if session.number == 2:
            raise KeyboardInterrupt
        return join(session, out)

    monkeypatch.setattr(open_speech, "join_session", stop_at_third)
    assert open_corpus.main(["-o", str(other), "--only", "speech", "--workers", "1"]) == 130
    kept = (other / "speech/training/xx/plain-xx-001-000.flac").stat().st_ino
    monkeypatch.setattr(open_speech, "join_session", join)
    assert open_corpus.main(["-o", str(other), "--only", "speech", "--workers", "1"]) == 0
    assert (other / "speech/training/xx/plain-xx-001-000.flac").stat().st_ino == kept
    assert all_digests(other / "speech") == all_digests(debian / "speech")


def test_shards_of_speech_keep_languages_apart_and_licences_in_mind(debian, tmp_path):
    open_corpus.build(debian, kinds=("speech",))
    manifest = shards.prepare("folder", [debian / "speech"], tmp_path / "shards")
    languages = defaultdict(set)
    for audio, metadata in samples_of(tmp_path / "shards").values():
        languages[metadata["split"]].add((metadata["language"], metadata["licence"]))
        assert len(audio) >= 4 * 16000 - 2048
    assert languages == {"training": {("xx", "PD")}, "validation": {("it", "PD")}, "test": {("fr", "GPL-2")}}
    assert manifest["splits"]["test"]["licences"] == {"GPL-2": 2}


def test_utterances_that_cannot_be_read_are_named_and_the_rest_is_used(debian, server, capsys):
    packages = debian / "packages"
    unpacked = packages / "unpacked/plain-voice/usr/share/plain"
    for name in ("plain-voice", "roles-voice"):
        packages.mkdir(parents=True, exist_ok=True)
        shutil.copy(next(server.glob(f"{name}_*.deb")), packages)
        open_corpus.open_speech.unpack(name, packages)
    (unpacked / "xx/4.wav").write_bytes(b"no audio at all")
    (unpacked / "xx/5.wav").write_bytes(b"")
    assert open_corpus.main(["-o", str(debian), "--only", "speech", "--workers", "2"]) == 0
    told = capsys.readouterr().err
    assert "plain-voice: 4.wav" in told
    assert "plain-voice: 5.wav" in told
    titles = " ".join(row["title"] for row in rows(debian).values() if row["language"] == "xx")
    assert titles == "0.wav 1.wav 2.wav 3.wav 6.wav 7.wav"  # and 8.wav alone is too short


@pytest.mark.parametrize(
    ("seconds", "clips"), [([3.9], []), ([3.0, 3.0], [6.0]), ([12.0], [6.0, 6.0]), ([3.9, 9.9, 1.0], [6.9, 6.9])]
)
def test_clips_are_of_4_to_10_s(seconds, clips):
    rate = 1000
    utterances = [(str(number), np.ones(round(one * rate), np.float32)) for number, one in enumerate(seconds)]
    lengths = [len(samples) / rate for _, samples in open_speech.joined_clips(utterances, rate)]
    assert lengths == pytest.approx(clips, abs=2 * open_speech.FADE)


def test_silence_around_speech_is_cut_and_silence_alone_is_none():
    rate = 16000
    samples = 1e-4 * np.random.default_rng(0).standard_normal(5 * rate)
    samples[2 * rate : 3 * rate] += tone(1, rate)[:, 0]
    spoken = open_speech.speech_in(samples, rate)
    assert len(spoken) / rate == pytest.approx(1 + 2 * open_speech.MARGIN, abs=2 * open_speech.FRAME)
    assert len(open_speech.speech_in(samples[: 2 * rate], rate)) == 0


def test_an_offset_of_a_recording_is_taken_away(tmp_path):
    rate = 8000
    samples = tone(1, rate)[:, 0] * np.repeat([1.0, 0.0], rate // 2)
    soundfile.write(tmp_path / "a.wav", samples + 0.2, rate, subtype="FLOAT")
    [(_, (read, _))] = open_speech.read_utterances([tmp_path / "a.wav"])
    np.testing.assert_allclose(read, samples - samples.mean(), atol=1e-6)
    assert len(open_speech.speech_in(read, rate)) < 0.7 * rate


def test_languages_that_share_a_speaker_share_a_split():
    splits = {voice.language: voice.split for voice in open_speech.VOICES}
    assert splits["ru"] == splits["be"]
    speakers = defaultdict(set)
    for voice in open_speech.VOICES:
        speakers[voice.speaker].add(voice.split)
    assert all(len(own) == 1 for own in speakers.values())
    assert set(splits.values()) == {"training", "validation", "test"}
    for split in ("validation", "test"):
        sources = defaultdict(set)
        for voice in open_speech.VOICES:
            if voice.split == split:
                sources[voice.language].add(voice.package)
        assert max(map(len, sources.values())) >= 2
    small = {voice.split for voice in open_speech.VOICES if voice.name in open_speech.SMALL}
    assert small == {"training", "validation", "test"}
    assert len({voice.name for voice in open_speech.VOICES}) == len(open_speech.VOICES)


def test_the_fish_are_told_apart_by_their_files():
    [voice] = [voice for voice in open_speech.VOICES if voice.name == "fillets-cs"]
    root = "usr/share/games/fillets-ng/sound"
    said = {
        "alibaba/cs/kni-m-kramy.ogg": "m",
        "hole/cs/v-zkus.ogg": "v",
        "gods/cs/b1-10.ogg": "gods/cs/b1",
        "city/cs/vit-hs-klid3.ogg": "city/cs/vit-hs",
        "briefcase/cs/help1.ogg": "briefcase/cs",
    }
    for name, role in said.items():
        assert open_speech.speaker_of(voice, f"{root}/{name}") == f"Fish Fillets: {role}"


def test_prompts_that_are_no_speech_are_left_out():
    for name in ("silence/5.g722", "beep.g722", "ascending-2tone.g722", "confbridge-join.g722", "tt-monkeys.g722"):
        assert open_speech.NO_SPEECH.search(f"usr/share/asterisk/sounds/en_US_f_Allison/{name}")
    for name in ("conf-hasjoin.g722", "confbridge-leave-in.g722", "tt-monkeysintro.g722", "digits/5.g722"):
        assert not open_speech.NO_SPEECH.search(f"usr/share/asterisk/sounds/en_US_f_Allison/{name}")


def test_missing_ffmpeg_is_told_before_anything_is_downloaded(debian, server, tmp_path, monkeypatch, capsys):
    only = tmp_path / "only"
    only.mkdir()
    for name in ("dpkg-deb", "apt-get"):
        (only / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(only))
    coded = Voice("coded-es", "coded-voice", "es", "*.g722", "", "")
    monkeypatch.setattr(open_speech, "VOICES", (*VOICES, coded))
    assert open_corpus.main(["-o", str(debian), "--only", "speech"]) == 2
    assert "ffmpeg not found: apt-get install ffmpeg" in capsys.readouterr().err
    assert not debian.exists()


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="decodes G.722")
def test_g722_is_read_at_16_khz(tmp_path):
    audio_file(tmp_path / "a.wav", 2, 16000, hertz=440.0)
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-f", "g722", tmp_path / "a.g722"]
    subprocess.run(command, check=True)
    broken = tmp_path / "broken.g722"
    broken.mkdir()
    [(path, (samples, rate))] = open_speech.read_utterances([tmp_path / "a.g722"])
    assert (path.name, rate, len(samples)) == ("a.g722", 16000, 32000)
    assert np.argmax(np.abs(np.fft.rfft(samples[:16000] * np.hanning(16000)))) == pytest.approx(440, abs=1)
    found = dict(open_speech.read_utterances([tmp_path / "a.g722", broken, tmp_path / "a.wav"]))
    assert isinstance(found[broken], str)
    for name in ("a.g722", "a.wav"):
        assert len(found[tmp_path / name][0]) == 32000
