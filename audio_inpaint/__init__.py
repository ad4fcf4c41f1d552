"""Fill gaps in recorded audio: autoregressive restoration, deep priors and context encoders.

The names below are the package's front door. Each is imported when it is first used, so that `import audio_inpaint`
takes no time. The methods are listed by `method_names`, since `audio_inpaint.methods` is the package that holds them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audio_inpaint.detection import Detection as Detection
    from audio_inpaint.detection import detect as detect
    from audio_inpaint.errors import InputError as InputError
    from audio_inpaint.gaps import Gap as Gap
    from audio_inpaint.insertions import Insertion as Insertion
    from audio_inpaint.methods.registry import method as method
    from audio_inpaint.methods.registry import names as method_names
    from audio_inpaint.methods.registry import register as register
    from audio_inpaint.repairing import FileRepair as FileRepair
    from audio_inpaint.repairing import Repair as Repair
    from audio_inpaint.repairing import repair as repair
    from audio_inpaint.repairing import repair_file as repair_file

    __version__: str

_REPAIR = "audio_inpaint.repairing"
_WHERE = {  # name: module, and the name there
    "Detection": ("audio_inpaint.detection", "Detection"),
    "FileRepair": (_REPAIR, "FileRepair"),
    "Gap": ("audio_inpaint.gaps", "Gap"),
    "Insertion": ("audio_inpaint.insertions", "Insertion"),
    "InputError": ("audio_inpaint.errors", "InputError"),
    "Repair": (_REPAIR, "Repair"),
    "detect": ("audio_inpaint.detection", "detect"),
    "method": ("audio_inpaint.methods.registry", "method"),
    "method_names": ("audio_inpaint.methods.registry", "names"),
    "register": ("audio_inpaint.methods.registry", "register"),
    "repair": (_REPAIR, "repair"),
    "repair_file": (_REPAIR, "repair_file"),
}
__all__ = [
    "Detection",
    "FileRepair",
    "Gap",
    "InputError",
    "Insertion",
    "Repair",
    "__version__",
    "detect",
    "method",
    "method_names",
    "register",
    "repair",
    "repair_file",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = _version()
    elif name in _WHERE:
        module, inner = _WHERE[name]
        value = getattr(import_module(module), inner)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("audio-inpaint")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0+unknown"
