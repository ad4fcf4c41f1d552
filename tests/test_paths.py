"""What a command reads is never written, and what exists is replaced only if that was asked for."""

import pytest
import soundfile
from test_cli import RATE, damaged, refused, run, tone


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digests(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["inpaint", "a.wav", "-o", "o.wav", "--gaps", "6000:6480", "--report-to", "b.wav"],
        [
            "inpaint",
            "a.wav",
            "-o",
            "clean.wav",
            "--gaps",
            "6000:6480",
            "--truth",
            "clean.wav",
            "--report",
            "--overwrite",
        ],
        ["inpaint", "a.wav", "-o", "o.wav", "--gaps", "gaps.txt", "--labels", "gaps.txt", "--overwrite"],
        ["inpaint", "a.wav", "-o", "b.wav", "--gaps", "6000:6480"],
        ["inpaint", "a.wav", "-o", "link.wav", "--gaps", "6000:6480", "--overwrite"],
        ["detect", "in.voc", "-o", "in.voc"],
        ["detect", "in.voc", "-o", "in.voc", "--overwrite"],
        ["ship", "x.ckpt", "-o", "x.ckpt", "--overwrite"],
    ],
)
def test_nothing_that_is_read_is_written_and_nothing_that_exists_replaced_unasked(here, capsys, arguments):
    damaged(here / "a.wav")
    for name in ("b.wav", "clean.wav"):
        soundfile.write(name, tone(), RATE)
    (here / "in.voc").write_bytes((here / "a.wav").read_bytes())
    (here / "link.wav").symlink_to("a.wav")
    (here / "gaps.txt").write_text("0.375\t0.405\tmine\n")
    (here / "x.ckpt").write_text("weights")
    before = digests(here)
    refused(capsys, *arguments)
    assert digests(here) == before


def test_a_finished_batch_passes_over_what_is_there(here, capsys):
    (here / "in").mkdir()
    damaged(here / "in" / "a.wav")
    damaged(here / "in" / "b.wav")
    arguments = ["inpaint", "in", "-o", "out", "--gaps", "6000:6480", "--skip-existing"]
    assert run(*arguments) == 0
    (here / "out" / "a.wav").unlink()
    (here / "out" / "b.wav").write_text("kept")
    assert run(*arguments) == 0
    assert (here / "out" / "b.wav").read_text() == "kept"
    assert (here / "out" / "a.wav").stat().st_size > 1000


def test_a_recording_is_opened_once_to_read_and_once_to_patch(here, monkeypatch):
    damaged(here / "in.wav")
    opened, sound, plain = [], soundfile.SoundFile, open

    def counted(real):
        def wrapper(file, *arguments, **options):
            opened.append(str(file))
            return real(file, *arguments, **options)

        return wrapper

    monkeypatch.setattr(soundfile, "SoundFile", counted(sound))
    monkeypatch.setattr("builtins.open", counted(plain))
    assert run("inpaint", "in.wav", "-o", "out.wav", "--report", "--labels", "filled.txt") == 0
    assert opened.count("in.wav") == 2
