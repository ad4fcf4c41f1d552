"""What a command reads is never written, and what exists is replaced only if that was asked for."""

import io
import os

import pytest
import soundfile
from benchmark_cases import folder as clips
from test_cli import RATE, damaged, refused, run, tone

from audio_inpaint import repair_file
from audio_inpaint.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digests(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("inpaint a.wav -o o.wav --gaps 6000:6480 --report-to b.wav", "a name for audio: let it end in .html"),
        ("inpaint a.wav -o clean.wav --truth clean.wav", "add --report"),
        ("inpaint a.wav -o clean.wav --gaps 6000:6480 --truth clean.wav --report --overwrite", "the truth itself"),
        ("inpaint a.wav -o o.wav --labels gaps.txt --gaps gaps.txt --overwrite", "the list of gaps itself"),
        ("inpaint a.wav -o b.wav --gaps 6000:6480", "add --overwrite"),
        ("inpaint a.wav -o link.wav --gaps 6000:6480 --overwrite", "the input a.wav itself"),
        ("inpaint a.wav -o o.wav --gaps 6000:6480 --method my.py:My --labels my.py --overwrite", "the method's file"),
        ("inpaint a.wav -o o.wav --gaps 6000:6480 --method ./my.py:My --labels soft.py --overwrite", "method's file"),
        ("detect in.voc -o in.voc", "name for audio"),
        ("detect in.voc -o in.voc --overwrite", "name for audio"),
        ("ship x.pt -o x.pt", "the checkpoint itself"),
        ("ship x.pt -o x.pt --overwrite", "the checkpoint itself"),
        ("ship x.pt -o theirs.html --overwrite", "should end in .pt"),
        ("listening-test . --kind mushra -o notes.txt --overwrite", "the page notes.txt should end in .html"),
        ("ship x.pt -o b.wav --overwrite", "a name for audio: let it end in .pt"),
        ("ship x.pt -o sound.pt --overwrite", "which is an audio file"),
        ("listening-results answers.json --figure b.wav --overwrite", "let it end in .png or .pdf or .svg"),
        ("listening-results answers.json --figure sound.png --overwrite", "which is an audio file"),
        (
            "listening-test . --kind mushra -o b.wav --overwrite",
            "the page cannot go to b.wav, a name for audio: let it end in .html",
        ),
        ("inpaint a.wav -o o.wav --gaps 6000:6480 --report b.wav", "takes no name: use --report-to PAGE.html"),
        ("inpaint a.wav --gaps 6000:6480 -o", "the output has an empty name"),
        ("inpaint a.wav -o o.wav --gaps 6000:6480 --labels", "has an empty name"),
        ("inpaint a.wav -o o.wav --gaps 6000:6480 --report-to", "the report has an empty name"),
        ("inpaint a.wav -o o.wav --gaps 6000:6480 --report --truth", "to take the truth from"),
        ("detect a.wav -o", "has an empty name"),
        ("listening-test . --kind mushra -o", "the page has an empty name"),
        ("listening-results answers.json -o", "the table has an empty name"),
        ("ship x.pt -o", "should end in .pt"),
        ("inpaint a.wav -o dangling.wav --gaps 6000:6480 --overwrite", "the folder {}/gone of the output does not"),
        ("inpaint a.wav -o o.wav --gaps 6000:6480 --labels dangling.txt", "the folder {}/gone of the output does not"),
        ("inpaint a.wav -o o.xyz", "should end in one of .wav"),
        ("inpaint a.wav -o o.wav --report --truth gone.wav", "there is no file or folder 'gone.wav'"),
        ("inpaint a.wav -o o.wav --report-to theirs.html --skip-existing", "--overwrite in place of --skip-existing"),
        ("inpaint a.wav -o o.wav --labels notes.txt --skip-existing", "add --overwrite in place of --skip-existing"),
    ],
)
def test_nothing_that_is_read_is_written_and_nothing_that_exists_replaced_unasked(
    here, capsys, monkeypatch, command, words
):
    damaged(here / "a.wav")
    for name in ("b.wav", "clean.wav"):
        soundfile.write(name, tone(), RATE)
    (here / "in.voc").write_bytes((here / "a.wav").read_bytes())
    (here / "link.wav").symlink_to("a.wav")
    (here / "gaps.txt").write_text("0.375\t0.405\tmine\n")
    (here / "x.pt").write_text("weights")
    for name in ("sound.pt", "sound.png"):
        (here / name).write_bytes((here / "a.wav").read_bytes())
    for name in ("dangling.wav", "dangling.txt"):
        (here / name).symlink_to("gone/file")
    for name in ("theirs.html", "notes.txt"):
        (here / name).write_text("mine")
    monkeypatch.setattr("audio_inpaint.detection.examine", lambda *_: pytest.fail("went to work"))
    (here / "my.py").write_text("class My:\n    def __call__(self, audio, gap, sample_rate): return audio.clone()\n")
    (here / "soft.py").symlink_to("my.py")
    before = digests(here)
    arguments = [*command.split(), *[""] * command.endswith(("-o", "--labels", "--report-to", "--truth"))]
    assert words.format(here.resolve()) in refused(capsys, *arguments)
    assert digests(here) == before


MINE = """\
import part


class My:
    def __init__(self, table=None): ...

    def __call__(self, audio, gap, sample_rate):
        return audio.clone()
"""


@pytest.mark.parametrize("method", ["mine_{}:My", "mine_{}.py:My", "mine_{}:My:table=table.txt"])
@pytest.mark.parametrize("file", ["mine_{}.py", "part.py", "table.txt"])
def test_no_file_that_a_method_is_read_from_is_written(here, capsys, monkeypatch, method, file):
    if ("table" in file) > ("table" in method):
        pytest.skip("not read")
    monkeypatch.syspath_prepend(here)
    mark = here.name.translate(str.maketrans("-[]", "___"))  # modules stay imported from test to test
    method, file = method.format(mark), file.format(mark)
    damaged(here / "a.wav")
    (here / f"mine_{mark}.py").write_text(MINE)
    (here / "part.py").write_text("")
    (here / "table.txt").write_text("read")
    before = digests(here)
    given = ["a.wav", "-o", "o.wav", "--gaps", "6000:6480", "--overwrite", "--method", method, "--labels", file]
    assert "is the method's file" in refused(capsys, "inpaint", *given)
    assert digests(here) == before


def test_a_benchmark_does_not_write_over_its_methods_and_refuses_bad_ones_before_it_writes(here, capsys):
    clips(here / "clips", kinds=("music",), each=1)
    assert run("benchmark", "clips", "-o", "out", "--methods", "silence") == 0
    os.unlink("out/rows.csv")
    capsys.readouterr()
    (here / "mine.py").write_text("def mine(audio, gap, sample_rate): return audio.clone()\n")
    (here / "out" / "rows.csv").symlink_to(here / "mine.py")
    assert "the method's file" in refused(capsys, "benchmark", "clips", "-o", "out", "--methods", "mine.py:mine")
    for method in ("nobody", "janssen:no=1", "gone.py:My"):
        refused(capsys, "benchmark", "clips", "-o", "new", "--methods", f"silence,{method}")
    assert not (here / "new").exists()


def test_a_recording_is_opened_once_to_read_once_to_patch_and_once_for_its_header(here, monkeypatch):
    damaged(here / "in.wav")
    opened, begin, plain = [], soundfile.SoundFile.__init__, open

    def noted(file):
        opened.append(file if isinstance(file, io.BytesIO) else os.fsdecode(file))
        return file

    def as_sound(self, file, *arguments, **options):
        begin(self, noted(file), *arguments, **options)

    monkeypatch.setattr(soundfile.SoundFile, "__init__", as_sound)
    monkeypatch.setattr("builtins.open", lambda file, *arguments, **options: plain(noted(file), *arguments, **options))
    assert run("inpaint", "in.wav", "-o", "out.wav", "--report", "--labels", "filled.txt") == 0
    assert opened.count("in.wav") == 3


def test_several_files_of_one_name_are_refused_before_any_work(here, capsys):
    for folder in ("x", "y"):
        (here / folder).mkdir()
        damaged(here / folder / "a.wav")
    assert "two inputs" in refused(capsys, "inpaint", "x", "y", "-o", "out", "--gaps", "6000:6480")


def test_an_unwritable_folder_gives_one_line(here, capsys):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    damaged(here / "in.wav")
    (here / "out").mkdir(mode=0o500)
    assert "ermission" in refused(capsys, "inpaint", "in.wav", "-o", "out/out.wav", "--gaps", "6000:6480")


def test_detect_never_writes_labels_over_audio_or_over_each_other(here, capsys):
    for name in ("a.wav", "a.flac"):
        damaged(here / name)
    before = (here / "a.wav").read_bytes()
    assert "name for audio" in refused(capsys, "detect", "a.wav", "-o", "a.wav")
    assert (here / "a.wav").read_bytes() == before
    assert run("detect", "a.wav", "a.flac", "-o", "labels") == 0
    assert sorted(path.name for path in (here / "labels").iterdir()) == ["a.flac.txt", "a.wav.txt"]


@pytest.mark.parametrize("output", ["a.wav", "./a.wav", "sub/../a.wav", "hard.wav", "soft.wav", "ABSOLUTE"])
@pytest.mark.parametrize("python", [True, False])
def test_no_name_of_the_input_is_written(here, capsys, output, python):
    damaged(here / "a.wav")
    (here / "sub").mkdir()
    os.link("a.wav", "hard.wav")
    os.symlink("a.wav", "soft.wav")
    output = str(here / "a.wav") if output == "ABSOLUTE" else output
    before = (here / "a.wav").read_bytes()
    if python:
        with pytest.raises(InputError, match=r"is the input .*itself"):
            repair_file("a.wav", output, "6000:6480", overwrite=True)
    else:
        error = refused(capsys, "inpaint", "a.wav", "-o", output, "--gaps", "6000:6480", "--overwrite")
        assert "is the input" in error
    assert (here / "a.wav").read_bytes() == before


def test_repair_file_keeps_its_list_of_gaps_and_says_how_to_replace_a_file(here):
    damaged(here / "a.wav")
    (here / "gaps.wav").write_text("0.375\t0.405\tmine\n")
    with pytest.raises(InputError, match=r"the output gaps\.wav is the list of gaps itself"):
        repair_file("a.wav", "gaps.wav", "gaps.wav", overwrite=True)
    (here / "o.wav").write_text("mine")
    with pytest.raises(InputError, match="exists: name another file, or give overwrite=True"):
        repair_file("a.wav", "o.wav", "6000:6480")
    assert (here / "o.wav").read_text() == "mine"


NAMES = ("masks.json", "report.html", "ce-fig7.csv", "dpai-fig9.png", "stimuli", "listening_test.html", "mine.txt")


@pytest.mark.parametrize("preset", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_goes_into_no_folder_of_other_files(here, capsys, name, preset):
    clips(here / "clips", kinds=("music",), each=1)
    (here / "out").mkdir()
    (here / "out" / name).write_text("{}")
    given = ["--preset", "ce-fig7", "--quick"] if preset else ["--methods", "silence"]
    assert "holds other files: name a new folder" in refused(capsys, "benchmark", "clips", "-o", "out", *given)
    assert digests(here / "out") == {name: b"{}"}


def test_a_preset_does_not_write_where_it_reads(here, capsys):
    assert run("benchmark", clips(here / "clips", each=1), "-o", "out", "--methods", "silence", "--audio") == 0
    capsys.readouterr()
    given = ["benchmark", "--preset", "dpai-fig8", "--quick", "piano=out/audio", "-o", "out"]
    assert "the source out/audio lies in the folder of the results out" in refused(capsys, *given)


def test_a_collection_of_music_is_not_taken_for_the_audio_of_a_benchmark(here, capsys):
    clips(here / "clips", kinds=("music",), each=1)
    (here / "out" / "audio" / "album").mkdir(parents=True)
    song = here / "out" / "audio" / "album" / "song.flac"
    soundfile.write(song, tone(), RATE)
    (here / "out" / "benchmark.txt").touch()
    arguments = ["benchmark", "clips", "-o", "out", "--methods", "silence", "--workers", "1", "--audio"]
    assert "holds something else" in refused(capsys, *arguments)
    assert song.is_file()
    song.rename(here / "song.flac")
    assert run(*arguments) == 0
    assert run(*arguments) == 0  # its own is replaced
