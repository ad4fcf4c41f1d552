"""Gaps of random lengths at random places, for a network of more than one gap length."""

import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from shard_files import Noting, batches, data, recording, trainer, write_shard, write_shards

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import mask_gaps
from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.cli import main
from audio_inpaint.training.data.held_out import HeldOut
from audio_inpaint.training.data.varied_gaps import Gapped, VariedGaps

PAGE = (Path(__file__).parents[1] / "docs" / "extend.md").read_text(encoding="utf-8")
SECOND = Segment(44100, 16000, 12100)  # a second at 44.1 kHz
SHORT = Segment(16000, 160, 80)  # 25 ms
GAPS = VariedGaps(shortest_ms=0.5, longest_ms=10, context_ms=2)


def lengths_and_starts(batch):
    spans = []
    for gap in batch.gap:
        (span,) = mask_gaps(gap)
        spans.append((span.stop - span.start, span.start))
    return spans


@pytest.mark.parametrize(("rate", "samples"), [(8000, 8000), (16000, 16000), (44100, 44100)])
def test_lengths_are_spread_over_octaves_and_places_over_the_segment_at_any_rate(rate, samples):
    segment, chance = Segment(rate, samples // 2 - 50, 100), random.Random(0)
    drawn = [VariedGaps(5, 200, 20).draw(segment, chance) for _ in range(4000)]
    milliseconds = np.array([1000 * (stop - start) / rate for start, stop in drawn])
    assert milliseconds.min() >= 5 - 500 / rate
    assert milliseconds.max() <= 200 + 500 / rate
    octaves = Counter(np.floor(np.log2(milliseconds / 5)).astype(int).tolist())
    assert all(0.8 < octaves[octave] / (4000 / np.log2(40)) < 1.2 for octave in range(5))
    starts = np.array([start for start, _ in drawn]) / rate
    assert starts.min() >= 0.02
    assert max(stop for _, stop in drawn) <= samples - 0.02 * rate
    assert 0.4 < np.median(starts) < 0.5


def test_a_batch_has_a_gap_for_each_segment_and_is_the_same_for_any_number_of_workers(tmp_path):
    training = write_shards(tmp_path)
    options = {"segment": SHORT, "gaps": GAPS}
    one, several = (batches(training, 5, workers=workers, **options) for workers in (0, 3))
    for batch, again in zip(one, several, strict=True):
        assert isinstance(batch, Gapped)
        assert torch.equal(batch.audio, again.audio)
        assert torch.equal(batch.gap, again.gap)
        spans = lengths_and_starts(batch)
        assert all(8 <= length <= 160 and 32 <= start <= 368 - length for length, start in spans)
    assert len({span for batch in one for span in lengths_and_starts(batch)}) > 30


def test_segments_whose_own_gap_is_silent_are_left_out(tmp_path, monkeypatch):
    silent = np.r_[np.zeros(500), recording(0, 500)]
    monkeypatch.setattr("shard_files.recording", lambda *_: silent)
    training = write_shards(tmp_path, "training", 1, 1)
    drawn = [*batches(training, 20, steps=20, segment=SHORT, gaps=GAPS)]
    drawn += HeldOut([str(tmp_path / "training-000000.tar")], SHORT, 10, None, 9, 0, 1, GAPS)
    for batch in drawn:
        assert all(audio[gap].abs().mean() >= 1e-3 for audio, gap in zip(*batch, strict=True))


def test_held_out_gaps_are_the_same_for_any_number_of_processes(tmp_path):
    write_shards(tmp_path)
    shards = sorted(map(str, tmp_path.glob("*.tar")))

    def held_out(ranks):
        shares = [HeldOut(shards, SHORT, 100, None, 8, rank, ranks, GAPS) for rank in range(ranks)]
        rows = [row for share in shares for batch in share for row in zip(*batch, strict=True)]
        return sorted((audio.tolist(), gap.tolist()) for audio, gap in rows)

    alone = held_out(1)
    assert len(alone) == 105
    assert held_out(3) == alone


class Filling(Noting):
    """Notes whole batches."""

    takes_gaps = True
    segment = SHORT

    def training_step(self, batch, batch_idx):
        self.trained.append(batch)
        return (self.gain * batch.audio[batch.gap]).square().mean()

    def validation_step(self, batch, batch_idx):
        self.validated.append(batch)


def test_a_model_that_takes_gaps_is_given_them(tmp_path, one_thread):
    module = data(
        write_shards(tmp_path), validation=write_shards(tmp_path, "validation", 1, 3), segment=None, gaps=GAPS
    )
    model = Filling()
    trainer(tmp_path, max_steps=3, enable_checkpointing=False, limit_val_batches=2).fit(model, datamodule=module)
    assert all(isinstance(batch, Gapped) and batch.gap.any(1).all() for batch in model.trained + model.validated)


def test_a_model_for_one_gap_length_refuses_random_ones(tmp_path, monkeypatch, capsys):
    module, fit = data(write_shards(tmp_path), segment=SHORT, gaps=GAPS), trainer(tmp_path, max_steps=1)
    with pytest.raises(InputError, match=r"Noting restores one gap length.*leave out --data\.init_args\.gaps"):
        fit.fit(Noting(), datamodule=module)
    monkeypatch.chdir(tmp_path)
    shards = f"--data.init_args.training={tmp_path}/training-*.tar"
    options = ["--data.init_args.validation=null", "--data.init_args.gaps.longest_ms=50", "--trainer.accelerator=cpu"]
    assert main(["fit", "-c", "ce_music_small.yaml", shards, *options]) == 2
    assert "ContextEncoder restores one gap length" in capsys.readouterr().err


def test_the_network_of_the_page_is_trained_on_random_gaps_at_its_own_rate(tmp_path, monkeypatch, one_thread):
    def last(language):
        return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "filler.py").write_text(last("python")[-1])
    config = next(text for text in last("yaml") if "gaps:" in text)
    (tmp_path / "mine.yaml").write_text(config.replace("data/shards/mine", str(tmp_path)))
    write_shard(tmp_path / "training-000000.tar", range(4), 50000, 44100)
    small = [f"--data.init_args.{option}" for option in ("batch_size=4", "buffer=2", "hop=4410", "workers=0")]
    run = [f"--trainer.{option}" for option in ("max_steps=2", "accelerator=cpu", "enable_progress_bar=false")]
    assert main(["fit", "-c", "mine.yaml", *small, *run, f"--trainer.default_root_dir={tmp_path / 'run'}"]) == 0


@pytest.mark.parametrize("gaps", [VariedGaps(5, 990), VariedGaps(50, 20), VariedGaps(0, 20), VariedGaps(5, 20, -1)])
def test_gaps_that_do_not_fit_are_refused(gaps):
    with pytest.raises(InputError, match=r"do not fit into segments of 1000 ms"):
        gaps.lengths(SECOND)
