"""Where methods compute: the processor, or a GPU that there is."""

from __future__ import annotations

import torch

from audio_inpaint.errors import InputError


def checked_device(name: str | None) -> str | None:
    """Return a device's name if torch can compute there; None stays None.

    Args:
        name: such as "cpu", "cuda" or "cuda:1".

    Raises:
        InputError: torch knows no such device, or this machine has none.

    >>> checked_device("cpu")
    'cpu'
    """
    if name is None:
        return None
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"there is no device {str(name)!r}: name cpu, cuda, cuda:0, ...") from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            found = f"this machine has {count}" if count else "this machine has none that torch can use"
            raise InputError(f"the device {name} is not there: {found}")
        return str(device)
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, NotImplementedError, AssertionError, ImportError) as error:
        raise InputError(f"the device {name} is not there, or cannot be computed on: name cpu or cuda") from error
    return str(device)
