"""What a training step of the context encoders costs, the paper's and the slim one.

    python benchmarks/context_encoder.py [--batch 16] [--steps 3] [--threads 2]

For each network and precision: segments that a training consumes in a second, by the clock and for each second of
processor time, and the ratio to the paper's network in float32. The signal path (STFT, loss) and Adam are included.
"""

import argparse
import time

import torch

from audio_inpaint.nn.context_encoder import ContextEncoder, MultiResEncoder
from audio_inpaint.nn.slim_context_encoder import SlimContextEncoder
from audio_inpaint.training.models.context_encoder import ContextEncoder as Model

NETWORKS = {
    "paper": ContextEncoder,
    "paper, harmonic encoder": lambda *sizes: ContextEncoder(*sizes, encoder=MultiResEncoder),
    "slim": SlimContextEncoder,
    "slim, harmonic": lambda *sizes: SlimContextEncoder(*sizes, harmonic=True),
}


def seconds_per_step(net, precision: torch.dtype, batch: int, steps: int) -> tuple[float, float]:
    """By the clock and of processor time, the first step left out."""
    torch.manual_seed(0)
    model = Model(net, weight_decay=0.0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    segments = 0.1 * torch.randn(batch, model.segment.length)
    began = (0.0, 0.0)
    for step in range(steps + 1):
        if step == 1:
            began = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            loss = model.loss(*model.estimates(segments)[:2]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - began[0]) / steps, (time.process_time() - began[1]) / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'network':26}  {'precision':9}  {'segments/s':>10}  {'per CPU-s':>9}  {'times':>6}", flush=True)
    first = None
    for name, net in NETWORKS.items():
        for precision in (torch.float32, torch.bfloat16):
            clock, processor = seconds_per_step(net, precision, options.batch, options.steps)
            first = first or processor
            rates = options.batch / clock, options.batch / processor, first / processor
            print(f"{name:26}  {str(precision)[6:]:9}  {rates[0]:10.1f}  {rates[1]:9.1f}  {rates[2]:6.2f}", flush=True)


if __name__ == "__main__":
    main()
