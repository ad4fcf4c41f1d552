"""`python -m audio_inpaint.train fit|validate|test|predict|deep_prior -c CONFIG`: a LightningCLI with one more subcommand."""

import sys
from collections.abc import Sequence
from pathlib import Path

import lightning
import torch
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from audio_inpaint.configs import find
from audio_inpaint.errors import InputError


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
            seeds: fits from different noise, whose outputs are averaged.
            whole: write the whole output of the network too, as NAME.network.wav.
        """
        from audio_inpaint.data.single import SingleSignal
        from audio_inpaint.deep_prior import Files

        if not isinstance(datamodule, SingleSignal):
            raise InputError("deep_prior needs a config with data of one signal, such as dpai.yaml")
        files = Files(model, datamodule, input, output, gaps, truth, context, seeds, whole)
        launcher, environment = self.strategy.launcher, getattr(self.strategy, "cluster_environment", None)
        if launcher is None or environment is None:
            files.run(self.fresh)
        else:
            launcher.launch(lambda: files.run(self.fresh, environment.global_rank(), self.world_size))


class _Parser(LightningArgumentParser):
    """Says what is wrong with an argument in one line."""

    def error(self, message: str, ex: Exception | None = None) -> None:
        raise InputError(" ".join(str(message).split()))


class InpaintCLI(LightningCLI):
    """The command line of training: model and data by class path, everything by YAML."""

    def __init__(self, args: Sequence[str] | None = None, run: bool = True):
        super().__init__(
            trainer_class=Trainer,
            parser_class=_Parser,
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            subclass_mode_model=True,
            subclass_mode_data=True,
            args=_with_found_configs(list(sys.argv[1:] if args is None else args)),
            run=run,
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's own, and `deep_prior`."""
        return {**LightningCLI.subcommands(), "deep_prior": {"model", "datamodule"}}

    def after_instantiate_classes(self) -> None:
        """Let the trainer make fresh copies of everything, for one fit after the other."""
        self.trainer.fresh = self.fresh

    def fresh(self, folder: Path, seed: int = 0) -> tuple[Trainer, lightning.LightningModule, lightning.LightningDataModule]:
        """A new trainer of this process alone, a new model and new data, as configured; results go to `folder`."""
        lightning.seed_everything(seed, verbose=False)
        self._get(self.config, "model").init_args.seed = seed
        self.config_init = self.parser.instantiate_classes(self.config)
        device = self.trainer.strategy.root_device
        rank_zero_only.rank = 0  # each fit is a world of its own: it logs and saves on every rank
        trainer = self.instantiate_trainer(
            default_root_dir=str(folder),
            devices=1 if device.type == "cpu" else [device.index],
            num_nodes=1,
            strategy="auto",
            plugins=[LightningEnvironment()],
        )
        return trainer, self._get(self.config_init, "model"), self._get(self.config_init, "data")

    def instantiate_trainer(self, **kwargs) -> Trainer:
        """Choose what the config leaves open: the precision that suits the machine, and the CSV logger."""
        config = self._get(self.config_init, "trainer")
        if config.get("precision") is None:
            kwargs["precision"] = "bf16-mixed" if has_bfloat16(config.get("accelerator", "auto")) else "32-true"
        if config.get("logger") is None:
            kwargs["logger"] = CSVLogger(kwargs.get("default_root_dir") or "runs", name="", version="")
        return super().instantiate_trainer(**kwargs)


def has_bfloat16(accelerator: str = "auto") -> bool:
    """Whether the machine computes in bfloat16 faster than in float32."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _with_found_configs(args: list[str]) -> list[str]:
    """Resolve the names of config files: `-c dpai.yaml` is found from any directory."""
    found = []
    for before, argument in zip([None, *args], args, strict=False):
        if before in ("-c", "--config"):
            argument = str(find(argument))
        elif argument.startswith("--config="):
            argument = f"--config={find(argument.removeprefix('--config='))}"
        found.append(argument)
    return found


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; what the user can mend is one line and exit code 2."""
    try:
        InpaintCLI(args)
    except InputError as error:
        print(f"audio_inpaint.train: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("audio_inpaint.train: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
