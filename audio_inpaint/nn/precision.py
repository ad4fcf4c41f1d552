"""Which number formats the machine computes fast in."""

import torch


def has_bfloat16(accelerator: str = "auto") -> bool:
    """Whether the machine computes in bfloat16 faster than in float32.

    Args:
        accelerator: "cpu", or anything else where a GPU is used if there is one.
    """
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
