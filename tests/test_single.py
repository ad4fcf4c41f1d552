from itertools import pairwise

import pytest
import torch
from alike import one_mask

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.deep_prior.signal import Signal, withhold
from audio_inpaint.training.data.single import SingleSignal

RATE = 8000


def noise(channels=1, length=4000, seed=0):
    return torch.randn(channels, length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mask(*spans, length=4000):
    return one_mask([Gap(*span) for span in spans], length)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 3, 6])
def test_withheld_stretches_are_as_long_as_the_median_gap_and_apart_from_everything(count, seed):
    gap, margin = mask((300, 340), (900, 1000), (2000, 2300)), 50

    withheld = withhold(gap, count, margin, seed)

    stretches = mask_gaps(withheld)
    assert [piece.stop - piece.start for piece in stretches] == [100] * count
    everything = sorted(stretches + mask_gaps(gap))
    assert stretches[0].start >= margin
    assert stretches[-1].stop <= 4000 - margin
    for before, after in pairwise(everything):
        if before in stretches or after in stretches:
            assert after.start - before.stop >= margin


def test_withheld_places_come_from_the_seed():
    gap = mask((300, 340))
    assert torch.equal(withhold(gap, 2, 50, 3), withhold(gap, 2, 50, 3))
    assert not torch.equal(withhold(gap, 2, 50, 3), withhold(gap, 2, 50, 4))


def test_only_as_many_stretches_are_withheld_as_there_is_room_for():
    assert withhold(mask((1000, 1400), length=2000), 9, 100, 0).sum() == 400 * 2
    assert not withhold(mask((0, 1500), length=2000), 2, 50, 0).any()
    assert not withhold(mask((10, 20)), 0, 50, 0).any()
    assert not withhold(torch.zeros(4000, dtype=torch.bool), 2, 50, 0).any()


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), 1e30])
def test_a_time_signal_holds_nothing_of_the_lost_samples(junk):
    audio, gap = noise(2), mask((500, 900))
    data = SingleSignal()

    data.load(torch.where(gap, junk, audio), gap, RATE)

    assert torch.equal(data.signal.audio, torch.where(gap, 0.0, audio).float())
    assert data.signal.truth is None
    assert torch.equal(data.signal.lost, gap | data.signal.withheld)


def test_with_the_truth_nothing_is_withheld_and_the_gaps_are_judged():
    audio, gap = noise(), mask((500, 900))
    data = SingleSignal(withheld_stretches=3)

    data.load(audio, gap, RATE, truth=audio)

    target, where = data.signal.judged
    assert not data.signal.withheld.any()
    assert torch.equal(target, audio.float())
    assert torch.equal(where, gap)


def test_without_the_truth_the_withheld_samples_are_judged():
    audio, gap = noise(), mask((500, 900))
    data = SingleSignal(withheld_stretches=1)

    data.load(audio, gap, RATE)

    target, where = data.signal.judged
    assert where.sum() == 400
    assert not (where & gap).any()
    assert torch.equal(target[:, where], audio.float()[:, where])


def test_the_columns_form_takes_the_undamaged_signal():
    audio, gap = noise(), mask((500, 900))
    data = SingleSignal(form="columns")

    data.load(torch.where(gap, 0.0, audio), gap, RATE, truth=audio)

    assert torch.equal(data.signal.audio, audio.float())
    assert data.signal.form == "columns"
    with pytest.raises(InputError, match="undamaged"):
        data.load(audio, gap, RATE)


@pytest.mark.parametrize(
    ("gap", "truth", "message"),
    [
        (torch.zeros(4000, dtype=torch.bool), None, "lost samples"),
        (torch.ones(4000, dtype=torch.bool), None, "lost samples"),
        (mask((500, 900)), noise(2), "2 channels of 4000"),
        (mask((500, 900)), noise(1, 3999), "1 channels of 3999"),
    ],
)
def test_signals_that_cannot_be_fitted_are_refused(gap, truth, message):
    with pytest.raises(InputError, match=message):
        SingleSignal().load(noise(), gap, RATE, truth)


def test_an_unknown_form_is_refused():
    with pytest.raises(InputError, match="time or columns"):
        SingleSignal(form="frames")


def test_nothing_goes_on_without_a_signal():
    with pytest.raises(InputError, match="deep_prior command"):
        SingleSignal().setup("fit")


def test_an_epoch_is_the_signal_at_every_step_up_to_a_validation():
    data = SingleSignal(validate_every=7)
    data.load(noise(2), mask((500, 900)), RATE)

    batches = list(data.train_dataloader())

    assert len(batches) == 7
    assert all(batch is data.signal for batch in batches)
    assert len(list(data.val_dataloader())) == 1


def test_moving_a_signal_moves_its_tensors_and_keeps_the_rest():
    signal = Signal(noise(), mask((500, 900)), mask((1500, 1600)), RATE, None, "columns")

    moved = SingleSignal().transfer_batch_to_device(signal, torch.device("meta"), 0)

    assert {moved.audio.device.type, moved.gap.device.type, moved.withheld.device.type} == {"meta"}
    assert (moved.sample_rate, moved.truth, moved.form) == (RATE, None, "columns")
