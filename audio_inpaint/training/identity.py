"""What a run is: the settings that its weights follow from, kept in its folder, which takes no other run.

`run.json` holds them with the run's name at loggers; `config.yaml` the whole configuration as it was given, with which
`-c` repeats the run. Both are written when a run takes its first step, and again when it goes on.
"""

import contextlib
import json
import secrets
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import lightning
import yaml

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.paths import Paths

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two processes out of one folder
    fcntl = None

RECORD, CONFIG, LOCK = "run.json", "config.yaml", "run.lock"
# What decides the weights, besides model, data, seed and initial weights. Devices, nodes and how they share the work
# do not, nor do steps, loggers, and places; `precision: null` is whatever suits the machine.
_TRAINER = (
    "precision",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "accumulate_grad_batches",
    "limit_train_batches",
    "overfit_batches",
)
_CALLBACKS = ("WeightAveraging", "EMAWeightAveraging", "StochasticWeightAveraging", "GradientAccumulationScheduler")
_EXEMPT = ("data.init_args.workers", "data.init_args.num_workers")
_SHOWN = 4  # differences in one line


def fingerprint(config: dict) -> dict:
    """Return the settings that a run's weights follow from, by dotted names.

    Args:
        config: of `fit` or `deep_prior`, as YAML has it.
    """
    trainer = config.get("trainer") or {}
    settings = {key: config.get(key) for key in ("model", "data", "seed_everything", "init_from")}
    settings["trainer"] = {key: trainer.get(key) for key in _TRAINER}
    for callback in trainer.get("callbacks") or []:
        name = callback["class_path"].rpartition(".")[2]
        if name in _CALLBACKS:
            settings["trainer"][name] = callback.get("init_args")
    return {key: value for key, value in flat(settings).items() if key not in _EXEMPT}


def flat(settings: dict, prefix: str = "") -> dict:
    """Return nested settings by dotted names, lists and empty dictionaries whole, as JSON gives them back."""
    found = {}
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = json.loads(json.dumps(value, default=str))
    return found


def differences(there: dict, here: dict) -> str:
    """Name the settings that differ with both values, on one line, or return an empty string."""
    unlike = [key for key in {**here, **there} if (key in there) != (key in here) or there[key] != here[key]]
    named = [f"{key} is {_shown(there, key)} there and {_shown(here, key)} here" for key in unlike[:_SHOWN]]
    more = len(unlike) - len(named)
    return ", ".join([*named, *([f"and {more} more"] if more else [])])


def _shown(settings: dict, key: str) -> str:
    if key not in settings:
        return "not set"
    text = json.dumps(settings[key], ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True)
class Run:
    """A run and its folder.

    Attributes:
        folder: of its checkpoints and records.
        config: the whole configuration as text, as it was given.
        identity: its name at loggers, the same however often it goes on.
        given: the files that the configuration was read from.
    """

    folder: Path
    config: str
    identity: str
    given: tuple[Path, ...] = ()

    @classmethod
    def of(cls, folder: Path, config: str, going_on: bool, given: Sequence[object] = ()) -> "Run":
        """Find the run of a folder, or begin one.

        Args:
            folder: of the run; may be missing.
            config: as above.
            going_on: whether the same settings in the same folder are the same run.
            given: as above.
        """
        files = tuple(Path(str(file)).resolve() for file in given)
        settings = fingerprint(yaml.safe_load(config))
        record = _record(folder)
        if going_on and record.get("settings") == settings and "id" in record:
            return cls(folder, config, record["id"], files)
        # runs of the same settings are alike in their first half
        digest = sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return cls(folder, config, digest[:8] + secrets.token_hex(4), files)

    @property
    def settings(self) -> dict:
        """What its weights follow from."""
        return fingerprint(yaml.safe_load(self.config))

    @property
    def _repeated(self) -> bool:
        """Whether the configuration is the folder's own, which then stays as it is."""
        return (self.folder / CONFIG).resolve() in self.given and (self.folder / RECORD).is_file()

    def check(self, places: Collection[Path], begins: bool) -> None:
        """Refuse a folder that holds something else: a configuration that was read, or another run's checkpoints.

        Args:
            places: folders of the run's checkpoints.
            begins: no checkpoint is gone on from.

        Raises:
            InputError: the settings that differ, or what else is in the way.
        """
        record, paths = _record(self.folder), Paths()
        for file in self.given:
            if not self._repeated or file != (self.folder / CONFIG).resolve():
                paths.reads(file, "the configuration")
        for name in (RECORD, CONFIG, "hparams.yaml", "metrics.csv"):
            paths.writes(self.folder / name, "the record of the run", kept=True)
        paths.check()
        if not any(next(place.glob("*.ckpt"), None) for place in places):
            return
        if begins:
            raise InputError(
                f"{self.folder} holds a training: go on with it by --ckpt_path=last, or name another "
                "--trainer.default_root_dir"
            )
        if not record:
            return
        if unlike := differences(record["settings"], self.settings):
            raise InputError(
                f"{self.folder} holds another run: {unlike}; name another --trainer.default_root_dir, or delete it"
            )

    def write(self) -> None:
        """Keep the record and the configuration.

        Raises:
            InputError: the disk is full, or the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        record = json.dumps({"id": self.identity, "settings": self.settings}, indent=1)
        written = [(RECORD, record + "\n")] if self._repeated else [(RECORD, record + "\n"), (CONFIG, self.config)]
        for name, text in written:
            with replacing(self.folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")


def _record(folder: Path) -> dict:
    """Read what a folder says of its run, of an earlier version its config alone; empty where it says nothing."""
    path = next((folder / name for name in (RECORD, CONFIG) if (folder / name).is_file()), None)
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))  # which JSON is too
        record = content if path.name == RECORD else {"settings": fingerprint(content)}
        return {**record, "settings": {**record["settings"]}}
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: delete it, and the folder's checkpoints are taken as they are") from error


class Recorded(lightning.Callback):
    """Writes what a run is when it takes its first step, and gives loggers the whole configuration."""

    def __init__(self, run: Run):
        self.run = run
        self.trained = False  # whether there was anything to do

    def on_train_start(self, trainer, pl_module) -> None:
        """Write it, unless the trainer only tries itself out."""
        self.trained = True
        if trainer.fast_dev_run or not trainer.is_global_zero:
            return
        self.run.write()
        if trainer.global_step:
            print(f"{self.run.folder}: goes on from step {trainer.global_step}", file=sys.stderr)
        config = yaml.safe_load(self.run.config)
        config["trainer"]["precision"] = trainer.precision
        for logger in trainer.loggers:
            logger.log_hyperparams(config)
            logger.log_graph(pl_module)
            logger.save()


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder as long as this one lives.

    Record locks end with the process, and the ones that it starts do not inherit them, as they would those of `flock`:
    workers that outlive a killed training leave the folder free.

    Raises:
        InputError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as file:
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise InputError(
                f"another process trains in {folder}: wait for its end, or name another --trainer.default_root_dir"
            ) from error
        except OSError:
            pass  # a file system without locks
        yield
