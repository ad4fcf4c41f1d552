import argparse
import json
import re
import zlib
from base64 import b64decode

import numpy as np
import pytest
import soundfile
import torchaudio.functional
from scipy import signal
from torch import from_numpy

from audio_inpaint.commands.listening import add_commands
from audio_inpaint.errors import InputError
from audio_inpaint.listening.levels import equalised, loudest
from audio_inpaint.listening.loudness import integrated, k_weighting, momentary
from audio_inpaint.listening.stimuli import low_pass, questions

RATE = 16000


def tone(frequency, decibels, seconds, rate=48000, channels=2):
    wave = 10 ** (decibels / 20) * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave, (channels, 1))


def recording(seed, seconds=1.0):
    generator = np.random.default_rng(seed)
    return 0.1 * signal.lfilter([1], [1, -0.9], generator.standard_normal(round(seconds * RATE)))


def stimuli(folder, items=3, methods=("alpha", "beta", "gamma"), suffix="flac"):
    """Item folders as the benchmark writes them, each item at a level of its own."""
    for number in range(items):
        place = folder / f"item {number}"
        place.mkdir(parents=True)
        truth = 0.3 * (1 + number) * recording(number)
        sounds = {"original": truth, "damaged": truth.copy()}
        sounds["damaged"][7000:7800] = 0
        for index, method in enumerate(methods):
            sounds[method] = truth.copy()
            sounds[method][7000:7800] *= 0.8 - 0.3 * index
        for name, sound in sounds.items():
            soundfile.write(place / f"{name}.{suffix}", sound, RATE)
        (place / "gaps.csv").write_text("start,stop\n7000,7800\n")
    return folder


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True))
    parsed = parser.parse_args(list(map(str, arguments)))
    return parsed.run(parsed)


def data_of(path):
    page = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="page-data">(.*?)</script>', page, re.DOTALL)[1])


def names_of(data):
    """The scrambled names, by the documented storage alone."""
    word = data["test"].encode()
    keys = [bytes(b ^ word[n % len(word)] for n, b in enumerate(b64decode(item["key"]))) for item in data["items"]]
    return [json.loads(key) for key in keys]


def sounds_of(item):
    stored = [np.frombuffer(zlib.decompress(b64decode(source["audio"])), "<i2") for source in item["sources"]]
    return np.stack([stored[0], *(stored[0] + other for other in stored[1:])]) / 32768


# ---- loudness


def test_k_weighting_at_48_khz_is_the_recommendation_s():
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    high_pass = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(48000), [shelf, high_pass], atol=1e-10)


def test_tones_have_the_loudness_of_the_recommendation_and_of_tech_3341():
    assert integrated(tone(997, 0, 3, channels=1), 48000) == pytest.approx(-3.01, abs=0.01)
    assert integrated(tone(1000, -23, 3), 48000) == pytest.approx(-23, abs=0.1)
    assert integrated(tone(1000, -33, 3), 48000) == pytest.approx(-33, abs=0.1)


def test_quiet_and_silent_parts_do_not_count():
    # EBU Tech 3341, signals 3 and 4, shortened
    parts = [tone(1000, level, length) for level, length in ((-72, 2), (-36, 2), (-23, 12), (-36, 2), (-72, 2))]
    assert integrated(np.concatenate(parts[1:4], 1), 48000) == pytest.approx(-23, abs=0.1)
    assert integrated(np.concatenate(parts, 1), 48000) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
def test_loudness_agrees_with_torchaudio(rate):
    noise = 0.01 * np.random.default_rng(0).standard_normal((2, 5 * rate))
    noise[:, 2 * rate : 3 * rate] *= 0.01
    expected = float(torchaudio.functional.loudness(from_numpy(noise), rate))
    assert integrated(noise, rate) == pytest.approx(expected, abs=0.15)  # its filters are approximations


def test_a_short_sound_and_silence_have_a_loudness_too():
    assert momentary(tone(997, 0, 0.2, channels=1), 48000) == pytest.approx([-3.01], abs=0.1)
    assert integrated(np.zeros((1, 48000)), 48000) == -np.inf


# ---- anchors


@pytest.mark.parametrize("edge", [3500, 7000])
def test_low_pass_is_that_of_bs_1534(edge):
    rate = 48000
    impulse = np.zeros((1, 4097))
    impulse[0, 2048] = 1
    response = low_pass(impulse, rate, edge)
    np.testing.assert_allclose(response[0, :2048], response[0, :2048:-1], atol=1e-12)  # nothing is moved in time
    frequency, gain = signal.freqz(response[0], worN=1 << 15, fs=rate)
    gain = 20 * np.log10(np.abs(gain) + 1e-12)
    assert np.abs(gain[frequency <= edge]).max() < 0.1
    assert gain[frequency >= edge + 500].max() < -25
    assert gain[frequency >= edge + 1000].max() < -50


# ---- levels


@pytest.mark.parametrize("kind", ["plausibility", "mushra"])
def test_references_are_equally_loud_and_one_gain_serves_a_question(tmp_path, kind):
    read = questions(stimuli(tmp_path), kind)
    asked, target = equalised(read)
    assert target == -23
    for before, after in zip(read, asked, strict=True):
        both = np.repeat(after.reference, 2, axis=0)  # mono comes out of two loudspeakers
        assert integrated(both, RATE) == pytest.approx(target, abs=1e-6)
        gain = after.given[0, 100] / before.given[0, 100]
        for one, other in zip(before.stimuli, after.stimuli, strict=True):
            np.testing.assert_allclose(other.audio, gain * one.audio)


def test_a_wild_restoration_lowers_the_whole_test_and_is_what_the_volume_is_set_by(tmp_path):
    folder = stimuli(tmp_path)
    wild = recording(1)
    wild[4000:12000] *= 200
    soundfile.write(folder / "item 1" / "beta.wav", wild, RATE, "FLOAT")
    (folder / "item 1" / "beta.flac").unlink()
    asked, target = equalised(questions(folder, "plausibility"))
    peaks = [np.abs(sound.audio).max() for question in asked for sound in question.stimuli]
    assert 20 * np.log10(max(peaks)) == pytest.approx(-1)
    assert target < -30
    assert integrated(np.repeat(asked[0].reference, 2, axis=0), RATE) == pytest.approx(target, abs=1e-6)
    place = loudest(asked)
    assert (place.question, asked[1].stimuli[place.stimulus].method) == (1, "beta")
    assert place.span[0] < 0.5 < place.span[1]


# ---- the folder


def test_mushra_hides_the_reference_and_the_anchors(tmp_path):
    read = questions(stimuli(tmp_path), "mushra", anchors=["low", "damaged"])
    for question in read:
        hidden = {stimulus.method: stimulus for stimulus in question.stimuli}
        roles = {name: stimulus.role for name, stimulus in hidden.items()}
        assert roles == dict.fromkeys(["alpha", "beta", "gamma"], "method") | {
            "original": "reference", "low anchor": "anchor", "damaged": "anchor"
        }  # fmt: skip
        np.testing.assert_array_equal(hidden["original"].audio, question.given)
        assert not hidden["damaged"].audio[0, 7000:7800].any()


def test_items_are_drawn_by_the_seed(tmp_path):
    folder = stimuli(tmp_path, items=6)
    drawn = [[question.item for question in questions(folder, "plausibility", count=3, seed=seed)] for seed in range(5)]
    assert all(len(set(items)) == 3 and items == sorted(items) for items in drawn)
    assert len(set(map(tuple, drawn))) > 1
    assert drawn[2] == [question.item for question in questions(folder, "plausibility", count=3, seed=2)]


def changed(folder, change):
    change(folder / "item 1")
    return folder


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("mushra", lambda item: (item / "original.flac").unlink(), "item 1 has no file original"),
        ("plausibility", lambda item: (item / "beta.flac").unlink(), "item 1 has no file beta"),
        ("plausibility", lambda item: (item / "damaged.flac").unlink(), "item 1 has no file damaged"),
        ("mushra", lambda item: soundfile.write(item / "beta.flac", recording(0)[:-9], RATE), "length"),
        ("mushra", lambda item: soundfile.write(item / "beta.flac", recording(0), 8000), "8000 Hz"),
        ("mushra", lambda item: soundfile.write(item / "beta.wav", recording(0), RATE), "beta.flac and beta.wav"),
        ("plausibility", lambda item: (item / "beta.flac").write_bytes(b"no audio"), "beta.flac"),
        ("plausibility", lambda item: soundfile.write(item / "original.flac", np.zeros(RATE), RATE), "silent"),
    ],
)
def test_an_item_that_does_not_fit_is_named(tmp_path, kind, change, message):
    with pytest.raises(InputError, match=message) as error:
        equalised(questions(changed(stimuli(tmp_path), change), kind))
    assert "item 1" in str(error.value)
    assert "\n" not in str(error.value)


def test_samples_that_are_no_numbers_are_refused(tmp_path):
    folder = stimuli(tmp_path, suffix="wav")
    broken = recording(0)
    broken[100] = np.nan
    soundfile.write(folder / "item 1" / "beta.wav", broken, RATE, "FLOAT")
    with pytest.raises(InputError, match=r"beta\.wav holds samples that are not numbers"):
        questions(folder, "plausibility")


def test_folders_and_choices_that_make_no_test_are_refused(tmp_path):
    folder = stimuli(tmp_path / "stimuli")
    (tmp_path / "empty" / "item").mkdir(parents=True)
    for place, options, message in [
        (tmp_path / "nowhere", {}, "is no folder"),
        (tmp_path / "empty", {}, "holds no folder with audio"),
        (folder, {"count": 4}, "from 1 to 3"),
        (folder, {"methods": ["alpha"]}, "two restorations"),
        (folder, {"methods": ["alpha", "damaged"]}, "no open signal"),
        (folder, {"methods": ["alpha", "delta"]}, "has no file delta"),
    ]:
        with pytest.raises(InputError, match=message):
            questions(place, "plausibility", **options)


# ---- the page as a file


def test_page_holds_the_scaled_stimuli_and_refers_to_nothing_outside(tmp_path, capsys):
    folder, page = stimuli(tmp_path / "stimuli"), tmp_path / "test.html"
    assert command("listening-test", folder, "-o", page, "--kind", "mushra", "--anchor", "low,damaged") == 0
    data = data_of(page)
    asked, _ = equalised(questions(folder, "mushra", anchors=["low", "damaged"]))
    for question, item, key in zip(asked, data["items"], names_of(data), strict=True):
        assert key["item"] == question.item
        given = {stimulus.method: stimulus.audio[0] for stimulus in question.stimuli}
        for sound, (method, _) in zip(sounds_of(item)[1:], key["stimuli"], strict=True):
            assert np.abs(sound - given[method]).max() <= 0.5 / 32768
    outside = r"https?:|file:|ftp:|url\(|@import|\bimport\b|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon"
    assert not re.search(outside, page.read_text(encoding="utf-8"))
    assert data["test"] in capsys.readouterr().out


def test_no_method_and_no_item_is_named_in_the_file(tmp_path):
    folder, page = stimuli(tmp_path / "stimuli", methods=("alpha_net", "beta_net")), tmp_path / "test.html"
    command("listening-test", folder, "-o", page, "--kind", "plausibility")
    assert not re.search("alpha_net|beta_net|item 0", page.read_text(encoding="utf-8"))
    assert {name for key in names_of(data_of(page)) for name, _ in key["stimuli"]} == {"alpha_net", "beta_net"}


def test_stored_order_differs_between_items_and_the_same_folder_gives_the_same_bytes(tmp_path):
    folder = stimuli(tmp_path / "stimuli", items=6)
    pages = [tmp_path / name for name in ("a.html", "b.html", "c.html")]
    for page, seed in zip(pages, (0, 0, 1), strict=True):
        command("listening-test", folder, "-o", page, "--kind", "plausibility", "--seed", seed)
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert data_of(pages[0])["test"] != data_of(pages[2])["test"]
    assert len({str(key["stimuli"]) for key in names_of(data_of(pages[0]))}) > 1


def test_a_title_cannot_add_markup(tmp_path):
    page = tmp_path / "test.html"
    hostile = "</script><img src=x onerror=1> & $title"
    command("listening-test", stimuli(tmp_path / "s"), "-o", page, "--kind", "plausibility", "--title", hostile)
    assert "<img" not in page.read_text(encoding="utf-8")
    assert data_of(page)["title"] == hostile


def test_options_that_do_not_fit_are_refused(tmp_path):
    folder = stimuli(tmp_path / "stimuli")
    for options, message in [
        (["--kind", "plausibility", "--anchor", "low"], "for --kind mushra"),
        (["--kind", "mushra", "--anchor", "high"], "no anchor is called high"),
        (["--kind", "mushra", "--methods", "alpha,,beta"], "different things"),
        (["--kind", "mushra", "--seed", "-1"], "0 or more"),
    ]:
        with pytest.raises(InputError, match=message):
            command("listening-test", folder, "-o", tmp_path / "test.html", *options)
    assert not (tmp_path / "test.html").exists()


def test_no_page_is_written_over_a_sound(tmp_path):
    folder, link = stimuli(tmp_path / "stimuli"), tmp_path / "test.html"
    sound = sorted(folder.rglob("*.flac"))[0]
    link.symlink_to(sound)
    before = sound.read_bytes()
    for page in (sound, link, tmp_path / "new.wav"):
        with pytest.raises(InputError, match="audio"):
            command("listening-test", folder, "-o", page, "--kind", "mushra")
    assert sound.read_bytes() == before
    assert not (tmp_path / "new.wav").exists()


def test_telephone_recordings_have_no_use_for_a_low_pass(tmp_path):
    for name in ("original", "damaged", "alpha"):
        (tmp_path / "item").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "item" / f"{name}.flac", recording(0), 8000)
    with pytest.raises(InputError, match="choose --anchor damaged"):
        questions(tmp_path, "mushra")
    assert len(questions(tmp_path, "mushra", anchors=["damaged"])[0].stimuli) == 3
