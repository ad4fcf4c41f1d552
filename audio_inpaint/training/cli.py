"""`python -m audio_inpaint.train fit|validate|test|predict|deep_prior -c CONFIG`: LightningCLI and one more command."""

import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import yaml
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from audio_inpaint.errors import InputError
from audio_inpaint.files.configs import chain, find, load
from audio_inpaint.nn import checkpoints
from audio_inpaint.nn.precision import has_bfloat16
from audio_inpaint.training.identity import Recorded, Run, held
from audio_inpaint.training.initial_weights import begin_with, check_fit
from audio_inpaint.training.interruption import Interrupted, Listen, Stop, listening, received
from audio_inpaint.training.loggers import RUNS, LearningRate, finish, log_to
from audio_inpaint.training.messages import one_line, quiet
from audio_inpaint.training.ranks import share
from audio_inpaint.training.resume import BEST, CHECKPOINT, LAST, CountedSteps, Curves, Ending, WholeCheckpoints

CHECKPOINTS = "checkpoints"  # their folder in a run's
Parts = tuple["Trainer", lightning.LightningModule, lightning.LightningDataModule]


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
        try:
            files.judge(share(self.strategy, lambda rank, ranks: files.run(self.fresh, rank, ranks)))
        except Interrupted as end:
            end.outcome = end.outcome or "the same command goes on from here"
            raise


class _Parser(LightningArgumentParser):
    """Reads configs together with their bases, and says what is wrong with an argument in one line."""

    def parse_path(self, cfg_path: str, *args: Any, **kwargs: Any) -> Namespace:
        """Parse a config file and the one that it changes."""
        return self.parse_string(yaml.safe_dump(load(str(cfg_path))), str(cfg_path), *args, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> None:
        raise InputError(one_line(message))


class InpaintCLI(LightningCLI):
    """The command line of training: model and data by class path, everything by YAML."""

    def __init__(self, args: Sequence[str], run: bool = True):
        if args and args[0] in (known := self.subcommands()):  # parsers of the others take a third of the start
            self.subcommands = lambda: {args[0]: known[args[0]]}
        super().__init__(
            trainer_class=Trainer,
            parser_class=_Parser,
            seed_everything_default=0,
            save_config_callback=None,  # identity.Recorded writes it
            subclass_mode_model=True,
            subclass_mode_data=True,
            args=args,
            run=run,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what a training begins with; other commands leave it, as they read the configs of trainings."""
        parser.add_argument(
            "--init_from", type=str | None, help="weights that fit begins with: a checkpoint, or a network's name"
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Sequence[str]) -> None:
        """Parse the command line, its config files found by name."""
        self.config = parser.parse_args(_completed(list(args)))

    def _parse_ckpt_path(self) -> None:
        """Leave out what Lightning does here: a checkpoint's hyperparameters would override the command line's."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's own, and `deep_prior`."""
        return {**LightningCLI.subcommands(), "deep_prior": {"model", "datamodule"}}

    def instantiate_classes(self) -> None:
        """Instantiate model, data and trainer; what a run writes goes to its folder, whatever the logger.

        Raises:
            InputError: one of them refuses what the config says.
        """
        self._given = self.config.clone()
        self._begin(Path(self._get(self.config, "trainer").default_root_dir or RUNS))
        try:
            super().instantiate_classes()
        except (ValueError, TypeError, ImportError, MisconfigurationException) as error:
            raise InputError(f"the configuration cannot be used: {one_line(error)}") from error

    def _begin(self, folder: Path) -> None:
        """Take the configuration as that of the run in a folder, and give its loggers their places."""
        config = self._parser(self.subcommand).dump(
            self.config.get(self.subcommand, self.config), skip_link_targets=False, skip_none=False
        )
        self._going_on = (folder / CHECKPOINT).is_file() or bool(self._get(self.config, "ckpt_path"))
        self.run = Run.of(folder, config, self._going_on, self._read)
        log_to(folder, self._get(self.config, "trainer").logger, self.run.identity)

    def after_instantiate_classes(self) -> None:
        """Let the trainer make fresh copies of everything, for one fit after the other."""
        self.trainer.fresh = self.fresh
        self.trainer.configs = self._read

    @property
    def _read(self) -> list[Path]:
        """The files that the configuration was read from, bases included."""
        return [file for path in self._get(self.config, "config") or () for file in chain(str(path))]

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
        self._begin(folder)
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
            kwargs["logger"] = Curves(folder, self._going_on) if self._trains else False
        kwargs["enable_autolog_hparams"] = not self._trains  # identity.Recorded gives loggers all there is
        plugins = config.get("plugins") or []
        kwargs.setdefault("plugins", [*(plugins if isinstance(plugins, list) else [plugins]), WholeCheckpoints()])
        trainer = super().instantiate_trainer(**kwargs)
        if config.get("sync_batchnorm") and trainer.world_size > 1 and trainer.strategy.root_device.type == "cpu":
            raise InputError("PyTorch synchronises batch norms on GPUs alone: give --trainer.sync_batchnorm=false")
        for saving in trainer.checkpoint_callbacks:
            saving.dirpath = saving.dirpath or str(folder / CHECKPOINTS)
        trainer.callbacks[:0] = self._watchers(trainer, folder)
        return trainer

    def _watchers(self, trainer: Trainer, folder: Path) -> list[lightning.Callback]:
        """What every command needs, whatever its config."""
        if not self._trains:
            return [Listen()]
        self.recorded = Recorded(self.run)
        if self.subcommand == "deep_prior":
            outcome = f"the same command goes on from step {{step}} of {folder}"
            return [self.recorded, Stop(folder / CHECKPOINT, outcome)]
        again = "the same command" if self._get(self.config, "ckpt_path") == LAST else f"--ckpt_path={LAST}"
        self.stop = Stop(self._place(trainer, LAST), f"{again} goes on from step {{step}}")
        return [self.recorded, Ending(), CountedSteps(), LearningRate(), self.stop]

    @property
    def _trains(self) -> bool:
        return self.subcommand not in ("validate", "test", "predict")

    @staticmethod
    def _place(trainer: Trainer, name: str) -> Path:
        """The place of a checkpoint: `last` and `best` are the run's."""
        if name not in (LAST, BEST):
            return Path(name)
        folders = [saving.dirpath for saving in trainer.checkpoint_callbacks if saving.filename == name]
        return Path(*folders[:1] or (trainer.default_root_dir, CHECKPOINTS), f"{name}.ckpt")

    def _found(self, name: str) -> str:
        """The path of a checkpoint that is there and fits the model."""
        path = self._place(self.trainer, name)
        if not path.is_file():
            raise InputError(f"there is no checkpoint {path}: train by fit first, or name another by --ckpt_path")
        check_fit(self.model, checkpoints.read(path, mapped=True), path, whole=True)
        return str(path)

    def fit(self, ckpt_path: str | None = None, **arguments: object) -> None:
        """Train, unless the folder holds another run or another process trains there.

        Args:
            ckpt_path: to go on from: `last`, where there is one, `best`, or a file.
            arguments: of the trainer's method.

        Raises:
            InputError: see above; or a checkpoint is missing or does not fit.
            Interrupted: by a signal, after a checkpoint.
        """
        trainer, weights = self.trainer, self._get(self.config, "init_from")
        if weights and ckpt_path not in (None, LAST):
            raise InputError("a run begins by --init_from or goes on by --ckpt_path: give one of them")
        with contextlib.ExitStack() as holding:
            self._claim(holding, begins=ckpt_path is None)
            last = self._place(trainer, LAST)
            if ckpt_path == LAST and not last.is_file():
                ckpt_path = None
            path = self._found(ckpt_path) if ckpt_path else None
            if weights and path is None:
                begin_with(self.model, weights)
            try:
                trainer.fit(ckpt_path=path, **arguments)
            except Interrupted as end:
                if not end.agreed:
                    self._left(end, last)
                raise
            finally:
                finish(trainer.loggers)
        done = f"{trainer.global_step} of {trainer.max_steps} steps"
        if trainer.max_steps < 0:
            done = f"{trainer.current_epoch} of {trainer.max_epochs} epochs"
        if not self.recorded.trained:
            rank_zero_only(print)(f"fit: already trained {done}", file=sys.stderr)
        if received():
            raise Interrupted(received(), f"trained {done}", agreed=True)

    def _left(self, end: Interrupted, last: Path) -> None:
        """Say what there is after an end without a checkpoint, and leave no process behind."""
        step = checkpoints.read(last, mapped=True)["global_step"] if last.is_file() else None
        end.outcome = "nothing is saved yet" if step is None else self.stop.says(step)
        if (launcher := self.trainer.strategy.launcher) is not None:
            launcher.kill(signal.SIGTERM)

    def _claim(self, holding: contextlib.ExitStack, begins: bool) -> None:
        """Take the folder of the run as its only process, or its first of several; all of them end if it cannot."""
        trainer = self.trainer

        def refusals(rank: int, ranks: int) -> list[str]:
            if trainer.global_rank:
                return []
            try:
                holding.enter_context(held(self.run.folder))
                self.run.check({self._place(trainer, name).parent for name in (LAST, BEST)}, begins)
            except InputError as error:
                return [str(error)]
            return []

        refused = refusals(0, 1) if trainer.world_size == 1 else share(None, refusals, everyone=True)
        if refused and trainer.global_rank:
            raise SystemExit(2)  # the first says why
        if refused:
            raise InputError(refused[0])

    def before_deep_prior(self) -> None:
        """Refuse what a deep prior cannot begin with."""
        if self._get(self.config, "init_from"):
            raise InputError("a deep prior begins with random weights: --init_from is for fit")

    def before_validate(self) -> None:
        """Find the checkpoint: the config's is `last` or `best` of the run, or a file.

        Raises:
            InputError: there is none, or it does not fit.
        """
        options = self.config_init[self.subcommand]
        options.ckpt_path = self._found(options.ckpt_path or LAST)

    def before_test(self) -> None:
        """The same; and the model prints a table of its own in place of Lightning's."""
        self.before_validate()
        self.config_init[self.subcommand].verbose = False

    before_predict = before_validate


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


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; an error that the user can fix is one line and exit code 2."""
    try:
        with quiet(), listening():
            InpaintCLI(list(sys.argv[1:] if args is None else args))
    except (InputError, MisconfigurationException) as error:
        print(f"audio_inpaint.train: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"audio_inpaint.train: error: {error.filename or 'writing'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except Interrupted as end:
        rank_zero_only(print)(f"audio_inpaint.train: {end}", file=sys.stderr)
        return 0 if end.agreed and rank_zero_only.rank else end.code  # the first process speaks for all
    return 0
