"""The option --also: recordings that are searched, passed over or refused, and what is told of them."""

import json
import os

import numpy as np
import pytest
import soundfile
from episodes import EPISODE, GAPS, METHOD, SPEC, snr
from programmes import RATE

from audio_inpaint import InputError, repair_file
from audio_inpaint.cli import main
from audio_inpaint.files.recording import read

pytestmark = pytest.mark.usefixtures("pool_cache")


def test_the_command(episodes, capsys):
    (episodes / "episodes/broken.wav").write_bytes(b"RIFF, but no sound")
    (episodes / "episodes/empty.flac").write_bytes(b"")
    os.link("damaged.wav", "episodes/same.wav")
    arguments = ["inpaint", "damaged.wav", "-o", "fixed.wav", "--gaps", SPEC, "--method", METHOD, "--also", "episodes"]
    assert main([*arguments, "--labels", "labels.txt", "--report", "--log"]) == 0
    shown = capsys.readouterr().out
    assert "also: passed over: episodes/broken.wav cannot be read as audio" in shown
    assert "also: passed over: episodes/empty.flac is empty" in shown
    assert "also: 2 of 3 fills draw on two.flac" in shown
    repaired, _ = read("fixed.wav")
    assert all(snr(repaired.numpy(), *gap) > 35 for gap in GAPS[1:])
    assert (episodes / "labels.txt").read_text().count("from two.flac at 1") == 2
    assert "two.flac at 12.0" in (episodes / "fixed.html").read_text()
    log = json.loads((episodes / "fixed.wav.json").read_text())
    assert [one.get("from", {}).get("recording") for one in log["gaps"]] == [None, "two.flac", "two.flac"]
    assert log["gaps"][1]["from"]["seconds"] == pytest.approx(12 + 123 / RATE, abs=1e-3)
    assert log["also"][-1] == "also: 2 of 3 fills draw on two.flac"


def test_what_is_written_is_not_searched(episodes, capsys):
    """The repaired file of another day lies in the folder, too."""
    soundfile.write("episodes/fixed.wav", EPISODE.T, RATE, "FLOAT")
    gap = f"{GAPS[0][0]}:{GAPS[0][1]}"
    options = ["--gaps", gap, "--method", METHOD, "--also", "episodes", "--overwrite"]
    assert main(["inpaint", "damaged.wav", "-o", "episodes/fixed.wav", *options]) == 0
    assert "no fill draws on them" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ("missing.wav", "missing.wav cannot be read: No such file"),
        ("damaged.wav", "the further recording damaged.wav is the recording itself"),
        ("fixed.wav", "the output fixed.wav is the further recording itself"),
        ("nothing", "the folder nothing holds no audio files"),
        ("text.txt", "text.txt is no audio, whatever its name says: it holds text"),
    ],
)
def test_recordings_that_cannot_be_used(episodes, capsys, also, message):
    (episodes / "text.txt").write_text("no sound")
    (episodes / "nothing").mkdir()
    if also == "fixed.wav":
        soundfile.write("fixed.wav", np.zeros(RATE), RATE)
    options = ["--gaps", SPEC, "--method", METHOD, "--also", also, "--overwrite"]
    assert main(["inpaint", "damaged.wav", "-o", "fixed.wav", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    with pytest.raises(InputError):
        repair_file("damaged.wav", "fixed.wav", GAPS, METHOD, also=[also], overwrite=True)


def test_a_dry_run_expects_what_the_search_brings(episodes, capsys):
    def expected(*also):
        options = ["--gaps", SPEC, "--method", METHOD, "--dry-run", "--json"]
        assert main(["inpaint", "damaged.wav", "-o", "out.wav", *options, *also]) == 0
        return json.loads(capsys.readouterr().out)

    alone, searched = expected(), expected("--also", "episodes")
    assert alone["also"] == []
    assert searched["also"][-1] == "also: 2 of 3 fills draw on two.flac"
    assert searched["expected"][0]["snr"] > 10 + alone["expected"][0]["snr"]
    assert not os.path.exists("out.wav")
