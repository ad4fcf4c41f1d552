"""Experiments by name, those of the papers and the refiner's; each prints a table, a paper's with CSV and figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from audio_inpaint.benchmark.results import Results
from audio_inpaint.benchmark.setting import Setting
from audio_inpaint.errors import InputError
from audio_inpaint.extras import needed


@dataclass(frozen=True)
class Outcome:
    """What a preset found, beside the files that it wrote.

    Args:
        table: in plain text, to be printed.
        results: for the report, where it ran the benchmark.
    """

    table: str
    results: Results | None = None


Preset = Callable[[Setting], Outcome]

# name: module and function, what it is
_PRESETS = {
    "ce-table3": (
        "context_encoder_tables",
        "table3",
        "overfitting check: SNR of the networks' frames on training, validation and test data",
    ),
    "ce-table4": ("context_encoder_tables", "table4", "64 ms gaps: SNR_MS and ODG of both networks and LPC"),
    "ce-table5": ("context_encoder_tables", "table5", "64 ms gaps: SNR_TD, with the paired t-test"),
    "ce-table6": ("context_encoder_tables", "table6", "48 ms gaps restored by the network for 64 ms"),
    "ce-fig4": ("context_encoder_probes", "fig4", "pure tones: complex networks for instruments and music"),
    "ce-fig5": ("context_encoder_probes", "fig5", "pure tones: complex and magnitude network for instruments"),
    "ce-fig7": ("context_encoder_probes", "fig7", "frequency sweeps: the magnitude network and LPC"),
    "ce-fig8": ("context_encoder_probes", "fig8", "where the magnitude network is best and worst against LPC"),
    "dpai-fig6": ("deep_prior_fits", "fig6", "loss and validation loss of three networks"),
    "dpai-fig7": ("deep_prior_fits", "fig7", "the reconstruction at increasing steps"),
    "dpai-fig8": ("deep_prior_tables", "fig8", "NMSE_tot and NMSE_miss against the duration of all gaps"),
    "dpai-fig9": ("deep_prior_tables", "fig9", "spectrograms of every method's reconstruction"),
    "dpai-fig10": ("deep_prior_tables", "fig10", "PESQ gain on speech"),
    "dpai-table3": (
        "deep_prior_tables",
        "table3",
        "the listening test: its page, and its table from collected answers",
    ),
    "refiner": ("refiner_tables", "gaps", "64 ms gaps: what the refiner makes of the default's fills"),
    "refiner-lengths": ("refiner_tables", "lengths", "the same of 20 to 200 ms"),
    "refiner-rates": ("refiner_tables", "rates", "the same at the recordings' own rates, in all channels"),
    "refiner-speech": ("refiner_tables", "speech", "the same of four gaps in each recording of speech"),
}
# those that compare methods, and so take others
_COMPARING = (
    "ce-table4",
    "ce-table5",
    "ce-table6",
    "dpai-fig8",
    "dpai-fig9",
    "dpai-fig10",
    *(name for name in _PRESETS if name.startswith("refiner")),
)


def names() -> dict[str, str]:
    """Name every preset and describe it in one line."""
    return {name: description for name, (_, _, description) in _PRESETS.items()}


def preset(name: str, methods: Sequence[str] = ()) -> Preset:
    """Return the experiment of that name.

    Args:
        name: as `names` has it.
        methods: that it is to compare beside its own.

    Raises:
        InputError: there is none, it compares no methods, or a package that it needs is missing.
    """
    if name not in _PRESETS:
        raise InputError(f"no preset is called {name!r}; choose one of: {', '.join(_PRESETS)}")
    if methods and name not in _COMPARING:
        raise InputError(f"the preset {name} takes no --methods; these do: {', '.join(_COMPARING)}")
    module, function, _ = _PRESETS[name]
    with needed():
        return getattr(import_module(f"{__name__}.{module}"), function)
