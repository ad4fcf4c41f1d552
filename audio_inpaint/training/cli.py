"""`python -m audio_inpaint.train fit|validate|test|predict|deep_prior -c CONFIG`: LightningCLI and one more command."""

import contextlib
import logging
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning
import yaml
from jsonargparse import Namespace
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from audio_inpaint.errors import InputError
from audio_inpaint.files.configs import find, load
from audio_inpaint.files.paths import Paths
from audio_inpaint.nn.precision import has_bfloat16
from audio_inpaint.training.ranks import share
from audio_inpaint.training.resume import CHECKPOINT, LAST, CountedSteps, Curves, Ending, WholeCheckpoints

RUNS = "runs"  # where `fit` logs to by default
CHECKPOINTS = "checkpoints"  # their folder in a run's
Parts = tuple["Trainer", lightning.LightningModule, lightning.LightningDataModule]
# What Lightning warns of although all is well: the rest of `quiet`.
_IDLE = (
    "Checkpoint directory .* exists",
    ".*treespec, LeafSpec",
    ".*`srun` command is available",
    r".*\.fit\(ckpt_path=\"last\"\) is set, but there is no last checkpoint",  # a run that begins
    ".*WeightAveraging callback, but loading a checkpoint outside",
    "Grad strides do not match bucket view strides",  # of 1x1 convolutions, which have no strides to speak of
)


class Trainer(lightning.Trainer):
    """A Lightning trainer that also fits deep priors to files."""

    def deep_prior(
        self,
        model: lightning.LightningModule,
        datamodule: lightning.LightningDataModule,
        input: str = "",
        output: str = "runs/deep_prior",
        gaps: str | None = None,
        truth: str | None = None,
        context: float = float("inf"),
        longest: float = 30.0,
        seeds: int = 1,
        whole: bool = False,
    ) -> None:
        """Fit an untrained network to each damaged file and write the repaired one.

        A second run of the same command goes on where an interrupted one stopped. On several devices or nodes each
        rank takes its own files.

        Args:
            model: the method.
            datamodule: the data set of one signal.
            input: a damaged file, or a folder of them.
            output: the folder for the repaired files, which keep their names, and a folder of results for each.
            gaps: seconds (0.1-0.15,2.31-2.36), samples (1600:2400), a CSV or label file, or a folder of those named
                as the inputs; detected if left out.
            truth: the undamaged file, or a folder of them: for scores and curves, never for the fit.
            context: seconds of audio around the gaps that are fitted; all of the file by default.
            longest: seconds from the first to the last gap of one fit, where the context is not all of the file.
            seeds: fits from different noise, whose outputs are averaged.
            whole: write the whole output of the network too, as NAME.network.wav.
        """
        from audio_inpaint.training.data.single import SingleSignal
        from audio_inpaint.training.deep_prior_files import Files
        from audio_inpaint.training.models.deep_prior import DeepPrior

        if not (isinstance(model, DeepPrior) and isinstance(datamodule, SingleSignal)):
            raise InputError("deep_prior needs a config of a deep prior and data of one signal, such as dpai.yaml")
        files = Files(model, datamodule, input, output, gaps, truth, context, longest, seeds, whole, self.configs)
        files.judge(share(self.strategy, lambda rank, ranks: files.run(self.fresh, rank, ranks)))


class _Parser(LightningArgumentParser):
    """Reads configs together with their bases, and says what is wrong with an argument in one line."""

    def parse_path(self, cfg_path: str, *args: Any, **kwargs: Any) -> Namespace:
        """Parse a config file and the one that it changes."""
        return self.parse_string(yaml.safe_dump(load(str(cfg_path))), str(cfg_path), *args, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> None:
        raise InputError(_one_line(message))


class Record(SaveConfigCallback):
    """Saves the configuration of a run beside its results, unless that would replace the file that was read."""

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Save it.

        Raises:
            InputError: a configuration that was read lies where the run writes.
        """
        paths, folder = Paths(), Path(trainer.log_dir)
        paths.makes(folder)
        for given in self.config.get("config") or ():
            paths.reads(str(given), "the configuration")
        for name in (self.config_filename, "hparams.yaml", "metrics.csv"):
            paths.writes(folder / name, "the record of the run", kept=True)
        paths.check()
        super().setup(trainer, pl_module, stage)


class InpaintCLI(LightningCLI):
    """The command line of training: model and data by class path, everything by YAML."""

    def __init__(self, args: Sequence[str], run: bool = True):
        super().__init__(
            trainer_class=Trainer,
            parser_class=_Parser,
            seed_everything_default=0,
            save_config_callback=Record,
            save_config_kwargs={"overwrite": True},
            subclass_mode_model=True,
            subclass_mode_data=True,
            args=args,
            run=run,
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Sequence[str]) -> None:
        """Parse the command line, its config files found by name."""
        self.config = parser.parse_args(_completed(list(args)))

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's own, and `deep_prior`."""
        return {**LightningCLI.subcommands(), "deep_prior": {"model", "datamodule"}}

    def instantiate_classes(self) -> None:
        """Instantiate model, data and trainer; what a run writes goes to its folder, whatever the logger.

        Raises:
            InputError: one of them refuses what the config says.
        """
        options = self._get(self.config, "trainer")
        if self.subcommand != "deep_prior":
            _log_to(Path(options.default_root_dir or RUNS), options.logger)
        if not self._trains:
            self.save_config_callback = None  # the one beside the checkpoints tells how they were trained
        try:
            super().instantiate_classes()
        except (ValueError, TypeError, ImportError, MisconfigurationException) as error:
            raise InputError(f"the configuration cannot be used: {_one_line(error)}") from error

    def after_instantiate_classes(self) -> None:
        """Let the trainer make fresh copies of everything, for one fit after the other."""
        self._given, self.trainer.fresh = self.config.clone(), self.fresh
        self.trainer.configs = [str(path) for path in self._get(self.config, "config") or ()]

    def fresh(self, folder: Path, seed: int = 0) -> Parts:
        """A new trainer of this process alone, a new model and new data, as configured.

        Args:
            folder: of the results: curves, checkpoints, whatever the loggers write.
            seed: added to the configured ones, of the weights and of the model's noise.
        """
        self.config = self._given.clone()
        self.__dict__.pop("config_dump", None)  # Lightning's copy, which becomes the model's hyperparameters
        lightning.seed_everything(int(self._get(self.config, "seed_everything") or 0) + seed, verbose=False)
        self._get(self.config, "model").init_args.seed += seed
        _log_to(folder, self._get(self.config, "trainer").logger)
        self.config_init = self.parser.instantiate_classes(self.config)
        device = self.trainer.strategy.root_device
        rank_zero_only.rank = 0  # each fit is a world of its own: it logs and saves on every rank
        trainer = self.instantiate_trainer(
            default_root_dir=str(folder),
            devices=1 if device.type == "cpu" else [device.index],
            num_nodes=1,
            strategy="auto",
            plugins=[LightningEnvironment(), WholeCheckpoints()],
        )
        return trainer, self._get(self.config_init, "model"), self._get(self.config_init, "data")

    def instantiate_trainer(self, **kwargs) -> Trainer:
        """Choose what the config leaves open: the precision that suits the machine, the CSV logger, and the places."""
        config = self._get(self.config_init, "trainer")
        folder = Path(kwargs.setdefault("default_root_dir", config.get("default_root_dir") or RUNS))
        if config.get("precision") is None:
            kwargs["precision"] = "bf16-mixed" if has_bfloat16(config.get("accelerator", "auto")) else "32-true"
        if config.get("logger") is None:
            going_on = (folder / CHECKPOINT).is_file() or bool(self._get(self.config, "ckpt_path"))
            kwargs["logger"] = Curves(folder, going_on) if self._trains else False
        plugins = config.get("plugins") or []
        kwargs.setdefault("plugins", [*(plugins if isinstance(plugins, list) else [plugins]), WholeCheckpoints()])
        trainer = super().instantiate_trainer(**kwargs)
        if config.get("sync_batchnorm") and trainer.world_size > 1 and trainer.strategy.root_device.type == "cpu":
            raise InputError("PyTorch synchronises batch norms on GPUs alone: give --trainer.sync_batchnorm=false")
        for saving in trainer.checkpoint_callbacks:
            saving.dirpath = saving.dirpath or str(folder / CHECKPOINTS)
        if self.subcommand == "fit":
            trainer.callbacks[:0] = [Ending(), CountedSteps()]
        return trainer

    @property
    def _trains(self) -> bool:
        return self.subcommand not in ("validate", "test", "predict")

    def before_fit(self) -> None:
        """Refuse to begin a training in the folder of another, whose checkpoints it would replace.

        Raises:
            InputError: there are some, and the run does not go on from one.
        """
        root = Path(self.trainer.default_root_dir)
        if not self.config_init[self.subcommand].ckpt_path and any((root / CHECKPOINTS).glob("*.ckpt")):
            raise InputError(
                f"{root} holds a training: go on with it by --ckpt_path=last, or name another "
                "--trainer.default_root_dir"
            )

    def before_validate(self) -> None:
        """Find the checkpoint: the config's is `last` or `best` of the run, or a file.

        Raises:
            InputError: there is none.
        """
        options = self.config_init[self.subcommand]
        name = options.ckpt_path or LAST
        path = Path(name)
        if name in (LAST, "best"):
            path = Path(self.trainer.default_root_dir, CHECKPOINTS, f"{name}.ckpt")
        if not path.is_file():
            raise InputError(f"there is no checkpoint {path}: train by fit first, or name another by --ckpt_path")
        options.ckpt_path = str(path)

    def before_test(self) -> None:
        """The same; and the model prints a table of its own in place of Lightning's."""
        self.before_validate()
        self.config_init[self.subcommand].verbose = False

    def before_predict(self) -> None:
        """The same."""
        self.before_validate()


def _one_line(message: object) -> str:
    """What is wrong with a value, without what jsonargparse says around it."""
    around = re.compile(r"\s*(Does not validate|Subtypes:|Errors:|Given value|- Expected a <class 'NoneType'>)")
    lines = [line for line in str(message).splitlines() if not around.match(line)]
    return " ".join(" ".join(lines).split()).replace(": - ", ": ").removeprefix("- ")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep from the user what Lightning says of every run and nobody can use; other warnings stay."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=PossibleUserWarning)  # few workers, few batches
        for message in _IDLE:
            warnings.filterwarnings("ignore", message)
        try:
            for logger in loggers:
                logger.setLevel(logging.WARNING)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _completed(args: list[str]) -> list[str]:
    """Find config files by their names, `-c dpai.yaml`, and give loggers that ask for a folder one."""
    completed = []
    for before, argument in zip([None, *args], args, strict=False):
        joined = argument.startswith("--") and "=" in argument
        option, value = argument.split("=", 1) if joined else (before, argument)
        if option in ("-c", "--config"):
            argument = argument.removesuffix(value) + str(find(value))
        completed.append(argument)
        if option == "--trainer.logger" and value.endswith(("TensorBoardLogger", "CSVLogger")):
            completed.append(f"--trainer.logger.save_dir={RUNS}")
    return completed


def _log_to(folder: Path, loggers: object) -> None:
    """Point configured loggers to the folder of a fit, which is a run of its own, unless they have a place."""
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        options = getattr(logger, "init_args", None)
        if options is None:
            continue
        if str(options.get("save_dir", "")) in (RUNS, "."):
            options.save_dir = str(folder)
        if "project" in options and options.name is None:
            options.name = "/".join(folder.parts[-2:])
        elif options.get("name") == "lightning_logs":
            options.name = options.version = ""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; an error that the user can fix is one line and exit code 2."""
    args = list(sys.argv[1:] if args is None else args)
    try:
        with quiet():
            InpaintCLI(args)
    except (InputError, MisconfigurationException) as error:
        print(f"audio_inpaint.train: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"audio_inpaint.train: error: {error.filename or 'writing'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and not isinstance(end.__context__, KeyboardInterrupt):
            raise  # not what Lightning makes of Ctrl-C
        going_on = "" if {"validate", "test", "predict"} & set(args) else "; the same command goes on from here"
        rank_zero_only(print)(f"audio_inpaint.train: interrupted{going_on}", file=sys.stderr)
        return 130
    return 0
