"""The files of a `deep_prior` command: which are read and written, compared before any work."""

from collections import Counter
from collections.abc import Sequence
from os.path import isdir, isfile
from pathlib import Path
from typing import NamedTuple

from audio_inpaint.errors import InputError
from audio_inpaint.files.formats import FORMATS
from audio_inpaint.files.inputs import inputs, output_name, partners
from audio_inpaint.files.paths import Paths
from audio_inpaint.training.deep_prior_fit import RECORD

REPORT, SCORES = "report.html", "scores.json"


class Job(NamedTuple):
    """A damaged file, where its repaired copy and its results go, and what is known of it."""

    file: Path
    output: Path
    folder: Path
    gaps: Path | str | None
    truth: Path | None

    @property
    def whole(self) -> Path:
        """Where the network's whole output goes."""
        return self.folder / f"{self.file.stem}.network{self.output.suffix}"


def jobs(
    source: str,
    output: str,
    gaps: str | None = None,
    truth: str | None = None,
    whole: bool = False,
    configs: Sequence[str | Path] = (),
) -> list[Job]:
    """Find all files of a command and compare them; then make the output's folder.

    What an earlier run of the same command wrote may be replaced, nothing else that exists.

    Args:
        source: a damaged file or a folder of them.
        output: the folder of the repaired files.
        gaps: a list of gaps, a file of one, or a folder of such files; None to detect them.
        truth: the undamaged file or a folder of them; None if unknown.
        whole: whether the network's whole output is written too.
        configs: files that the command has read already.

    Raises:
        InputError: a file is missing, or what is read or is not the command's own would be written over.
    """
    if not source:
        raise InputError("no input is named: add --input FILE or --input FOLDER")
    named = inputs([source])[0]
    files = [one.file for one in named]
    amounts = Counter(file.stem for file in files)
    if twins := [file.name for file in files if amounts[file.stem] > 1]:
        raise InputError(f"{', '.join(twins)} would share a folder of results: restore them into different outputs")
    lists = partners(named, gaps, (".txt", ".csv")) if gaps and isdir(gaps) else [gaps] * len(files)
    clean = partners(named, truth, tuple(FORMATS), same=True)
    paths, place, found = Paths(allow="another --output"), Path(output), []
    for config in configs:
        paths.reads(config, "the configuration")
    for file, listed, undamaged in zip(files, lists, clean, strict=True):
        if (gaps is not None and listed is None) or (truth is not None and undamaged is None):
            raise InputError(f"{gaps if listed is None else truth} holds nothing for {file.name}")
        job = Job(file, place / output_name(file), place / file.stem, listed, undamaged)
        paths.reads(file, "the input")
        if listed is not None and isfile(listed):
            paths.reads(listed, "the list of gaps")
        if undamaged is not None:
            paths.reads(undamaged, "the truth")
        begun = any(job.folder.rglob(RECORD))
        paths.writes(job.output, "the output", kept=begun)
        paths.owns(job.folder, "the folder of results")
        for path in (job.folder / REPORT, job.folder / SCORES, *[job.whole] * whole):
            paths.writes(path, "the result", kept=begun)
        found.append(job)
    paths.check()
    return found
