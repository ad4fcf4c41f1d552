"""Names of files of any kind: what no disk takes, what is no text, pipes, devices, and names in advice."""

import os
import shlex
import subprocess
import sys

import pytest
from test_cli import damaged, refused, run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("command", ["inpaint", "detect"])
def test_names_that_are_no_text_are_read_written_and_told(here, command):
    (here / "in").mkdir()
    for name in (b"a.wav", b"b\xff.wav", b"c.flac", b"d\xff.flac"):
        place = here / "in" / os.fsdecode(name)
        os.replace(damaged(here / f"plain{place.suffix}"), place)
    (here / "in" / os.fsdecode(b"e\xff.wav")).write_text("no audio")
    options = {"inpaint": ["-o", "out", "--labels", "labels", "--report"], "detect": ["-o", "labels"]}[command]
    line = [sys.executable, "-m", "audio_inpaint", command, "in", *options]
    done = subprocess.run(line, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"})
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"1 of 5 files not re" in done.stderr
    if command == "inpaint":
        written = {b"a.wav", b"b\xff.wav", b"c.flac", b"d\xff.flac", b"report.html"}
        assert {os.fsencode(path.name) for path in (here / "out").iterdir()} == written
        for place in (here / "out").glob("*[vc]"):
            assert place.read_bytes() != (here / "in" / place.name).read_bytes()
    assert {os.fsencode(path.name) for path in (here / "labels").iterdir()} == {
        b"a.txt", b"b\xff.txt", b"c.txt", b"d\xff.txt"
    }  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_benchmark_refuses_names_that_its_tables_cannot_hold_before_it_writes(here, capsys):
    (here / "clips").mkdir()
    os.replace(damaged(here / "a.wav"), here / "clips" / os.fsdecode(b"b\xff.wav"))
    assert "is no UTF-8" in refused(capsys, "benchmark", "clips", "-o", "out", "--methods", "silence")
    assert not (here / "out").exists()


@pytest.mark.parametrize("name", ["c.wav", "-c d.wav", "it's.mp3", "folder/c.wav"])
def test_advice_to_convert_names_another_file_as_a_shell_takes_it(here, capsys, name):
    (here / "folder").mkdir()
    (here / name).write_bytes(b"fLaC, but damaged")
    advice = refused(capsys, "detect", f"./{name}").partition("with ")[2]
    program, option, source, target = shlex.split(advice)
    assert (program, option) == ("ffmpeg", "-i")
    assert os.path.samefile(source, name)
    assert not os.path.exists(target)
    assert not target.startswith("-")
    assert (os.path.dirname(target) or ".", target[-4:]) == (os.path.dirname(source) or ".", ".wav")


@pytest.mark.parametrize("kind", ["fifo", "device"])
@pytest.mark.parametrize(
    "command",
    [
        "inpaint odd -o o.wav --gaps 6000:6480",
        "inpaint a.wav -o odd --gaps 6000:6480 --overwrite",
        "inpaint a.wav -o o.wav --gaps odd",
        "inpaint a.wav -o o.wav --gaps 6000:6480 --labels odd --overwrite",
        "inpaint a.wav -o o.wav --gaps 6000:6480 --truth odd --report",
        "inpaint a.wav -o o.wav --gaps 6000:6480 --report-to odd.html --overwrite",
        "detect odd",
        "detect a.wav -o odd --overwrite",
        "ship odd -o o.pt",
    ],
)
def test_pipes_and_devices_are_refused_before_any_work(here, capsys, command, kind):
    damaged(here / "a.wav")
    for name in ("odd", "odd.html"):
        os.mkfifo(here / name) if kind == "fifo" else (here / name).symlink_to(os.devnull)
    said = refused(capsys, *command.split())
    assert any(words in said for words in ("not a regular file", "there is no gap file", "is empty"))
    assert sorted(path.name for path in here.iterdir()) == ["a.wav", "odd", "odd.html"]


LONG = 300 * "x"


@pytest.mark.parametrize(
    "command",
    [
        f"inpaint a.wav -o {LONG}.wav --gaps 6000:6480",
        f"inpaint a.wav a.wav -o {LONG} --gaps 6000:6480",
        f"inpaint {LONG}.wav -o o.wav --gaps 6000:6480",
        f"inpaint a.wav -o o.wav --gaps 6000:6480 --labels {LONG}.txt",
        f"inpaint a.wav -o o.wav --gaps 6000:6480 --report-to {LONG}.html",
        f"inpaint a.wav -o o.wav --gaps 6000:6480 --report --truth {LONG}.wav",
        f"detect a.wav -o {LONG}.txt",
        "inpaint a.wav -o loop.wav --gaps 6000:6480 --overwrite",
        "inpaint loop.wav -o o.wav --gaps 6000:6480 --overwrite",
    ],
)
def test_names_that_no_disk_takes_are_one_line_before_any_work(here, capsys, command):
    damaged(here / "a.wav")
    (here / "loop.wav").symlink_to("loop.wav")
    refused(capsys, *command.split())
    assert sorted(path.name for path in here.iterdir()) == ["a.wav", "loop.wav"]


def test_what_lies_beside_an_output_in_a_new_folder_is_named_before_any_work(here, capsys):
    damaged(here / "a.wav")
    name = "x" * 247 + ".wav"  # .original has no room after it
    (here / "a.wav").rename(here / name)
    said = refused(capsys, "inpaint", name, "-o", "new/", "--gaps", "6000:6480", "--keep-original")
    assert "the kept original" in said
    assert "File name too long" in said
    assert not (here / "new").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_one_list_of_a_folder_holds_names_that_are_no_text_and_is_taken_as_it_is(here):
    (here / "in").mkdir()
    for name in (b"a.wav", b"b\xff.wav"):
        os.replace(damaged(here / "a.wav", 2), here / "in" / os.fsdecode(name))
    assert run("detect", "in", "-o", "all.csv") == 0
    lines = (here / "all.csv").read_bytes().splitlines()
    assert [line.partition(b",")[0] for line in lines] == [b"file", b'"in/a.wav"', b'"in/b\xff.wav"']
    assert run("inpaint", "in", "-o", "out", "--gaps", "all.csv", "--method", "silence", "--labels", "labels") == 0
    for name in (b"a.txt", b"b\xff.txt"):
        assert (here / "labels" / os.fsdecode(name)).stat().st_size
