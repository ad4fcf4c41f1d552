"""Contexts of the candidates that recall nothing: what sound that changes wants of them."""

import pytest
import torch
from alike import alike
from test_recall import in_the_middle

from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.scores.snr import snr


@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_gliding_voice_is_followed_by_short_contexts_at_every_rate(rate):
    seconds = torch.arange(2 * rate, dtype=torch.float64) / rate
    phase = 2 * torch.pi * torch.cumsum(150 * 2 ** (seconds / 2), 0) / rate
    audio = 0.1 * sum(torch.cos(k * phase + k * k) / k for k in range(1, 20)).float()[None]
    gap = in_the_middle(audio, rate, 0.01)
    assert snr(alike(Janssen())(audio, gap, rate), audio, gap) < 12
    assert snr(alike(Recall())(audio, gap, rate), audio, gap) > 24
