"""Gaps of 0.3 to 2 s: what the recording repeats comes back whole, and nothing else is claimed."""

import numpy as np
import pytest
import torch
from programmes import RATE, programme

from audio_inpaint import repair
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.methods.recall.rehearsal import Sketch, unlike
from audio_inpaint.methods.recall.scene import Scene

BAR = 2 * RATE


def bars(count=6, noise=1e-4):
    """A bar of two seconds, played again and again, and hiss that is not."""
    bar = programme(2, seed=4)
    hiss = noise * np.random.default_rng(1).standard_normal((1, count * BAR))
    return np.tile(bar, count) + hiss


def filled(audio, start, seconds, method="auto"):
    """The SNR of a fill, and how it was made."""
    stop = start + round(seconds * RATE)
    damaged = audio.copy()
    damaged[:, start:stop] = 0
    done = repair(damaged, [(start, stop)], RATE, method)
    known = np.ones(audio.shape[-1], bool)
    known[start:stop] = False
    assert np.array_equal(done.audio[:, known], audio[:, known])
    truth, error = audio[:, start:stop], (done.audio - audio)[:, start:stop]
    return 10 * np.log10(np.square(truth).sum() / np.square(error).sum()), done.explanations[0]


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0])
def test_a_bar_that_is_played_again_is_restored(seconds):
    snr, told = filled(bars(), 2 * BAR + 7000, seconds)
    assert snr > 20
    assert told.expected_snr > 10
    assert told.weights["recall"] > 0.99
    start = 2 * BAR + 7000
    assert {(source.start - start) % BAR for source in told.sources[:1]} == {0}


def test_both_joins_are_as_smooth_as_the_sound():
    """A jump would be louder than any step that the music takes."""
    audio = bars()
    start, stop = 2 * BAR + 7000, 2 * BAR + 7000 + RATE
    damaged = audio.copy()
    damaged[:, start:stop] = 0
    steps = np.abs(np.diff(repair(damaged, [(start, stop)], RATE).audio[0] - audio[0]))
    assert max(steps[start - 1], steps[stop - 1]) < 0.02 * np.abs(np.diff(audio[0])).max()


def test_what_does_not_repeat_is_left_to_janssen_and_to_be_checked():
    audio = programme(8, seed=5)
    snr, told = filled(audio, 4 * RATE, 0.5, "recall")
    janssen, _ = filled(audio, 4 * RATE, 0.5, "recall:long_templates=[]")
    assert snr == janssen
    assert told.weights == {"janssen": 1.0}
    assert told.doubtful


def test_no_lost_sample_is_looked_at():
    audio, start = bars(), 2 * BAR + 7000
    fills = []
    for junk in (0.0, np.nan):
        damaged = audio.copy()
        damaged[:, start : start + RATE] = junk
        fills.append(repair(damaged, [(start, start + RATE)], RATE, "recall").audio)
    assert np.array_equal(*fills)


def test_rehearsals_are_as_long_and_a_bar_away():
    scene_gap = torch.zeros(6 * BAR, dtype=torch.bool)
    run = Gap(3 * BAR, 3 * BAR + RATE)
    scene_gap[run.start : run.stop] = True
    scene = Scene(Recall(), torch.from_numpy(bars()).masked_fill(scene_gap, 0), scene_gap, RATE)
    places = scene.rehearsals(run)
    assert [len(place) for place in places] == [RATE, RATE]
    assert all(min(abs(place.stop - run.start), abs(place.start - run.stop)) >= RATE for place in places)


def test_a_recollection_that_fits_the_gap_worse_than_its_rehearsals_is_doubted():
    def sketch(left):
        rest = torch.ones(2, 1, 100, dtype=torch.float64)
        rest[1] *= left**0.5
        rest[..., 40:60] = 0
        return Sketch(slice(40, 60), torch.zeros(2, 1, 20), rest, [])

    factor = unlike(sketch(0.5), [sketch(0.1), sketch(0.4)], [0, 30])
    assert factor.tolist() == pytest.approx([1.0, 0.5 / 0.2])
