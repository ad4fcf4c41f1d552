"""A checkpoint of a small context encoder with random weights, as `fit` writes it."""

import torch

from audio_inpaint.nn.slim_context_encoder import SlimContextEncoder
from audio_inpaint.nn.spectral_inpainter import SpectralInpainter

NET = {
    "class_path": "audio_inpaint.nn.slim_context_encoder.SlimContextEncoder",
    "init_args": {"channels": 64, "depth": 1, "filters": [2, 2, 4], "blocks": 1},
}
SIZES = {
    "sample_rate": 16000,
    "context": 2048,
    "gap": 1024,
    "n_fft": 512,
    "hop_length": 128,
    "output": "magnitude",
    "normalised": True,
    "iterations": 5,
}


def random_checkpoint(path):
    torch.manual_seed(0)
    inpainter = SpectralInpainter(lambda *sizes: SlimContextEncoder(*sizes, **NET["init_args"]), **SIZES)
    weights = {f"inpainter.{name}": value for name, value in inpainter.state_dict().items()}
    content = {"hyper_parameters": {"net": NET, "learning_rate": 1.0, **SIZES}, "state_dict": weights, "epoch": 3}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path
