import numpy as np
import pytest
import torch
from alike import alike, one_mask
from scipy.signal import firwin, lfilter
from signals import noise

from audio_inpaint.dsp.autoregressive import burg
from audio_inpaint.dsp.fast_burg import fast_burg
from audio_inpaint.dsp.template_search import delayed
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.recall.completion import completed
from audio_inpaint.methods.recall.recall import Recall, neighbourhoods
from audio_inpaint.methods.recall.recollection import ridge_gains
from audio_inpaint.methods.recall.scene import Scene
from audio_inpaint.methods.registry import method, names
from audio_inpaint.scores.snr import snr

RATE = 8000


def bars(rate=RATE, count=5, seconds=0.7, channels=1, seed=0):
    """Noise that nobody can predict, played again and again: (channel, time)."""
    return noise(round(seconds * rate), channels, seed).repeat(1, count)


def in_the_middle(audio, rate=RATE, seconds=0.064):
    start = audio.shape[-1] // 2
    return one_mask([Gap(start, start + round(seconds * rate))], audio.shape[-1])


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_what_is_played_again_is_restored_almost_exactly(rate):
    audio = bars(rate, 3 if rate > 16000 else 5)
    gap = in_the_middle(audio, rate)
    assert snr(alike(Janssen())(audio, gap, rate), audio, gap) < 3
    assert snr(alike(Recall())(audio, gap, rate), audio, gap) > 30


def test_the_matches_are_the_other_bars_and_their_gains_add_up_to_the_level_of_this_one():
    audio, period = bars(), round(0.7 * RATE)
    audio[:, 2 * period : 3 * period] *= 0.5
    gap = in_the_middle(audio)
    start = audio.shape[-1] // 2
    _, [told] = alike(Recall(matches=4)).explain(audio, gap, RATE)
    assert told.gap == Gap(start, start + 512)
    loudest = told.sources[:4]
    assert sorted(source.start for source in loudest) == [start + lag * period for lag in (-2, -1, 1, 2)]
    assert min(source.score for source in loudest) > 0.999
    assert sum(source.gains[0] for source in loudest) == pytest.approx(0.5, rel=0.02)


def test_channels_share_the_matches_and_have_their_own_gains():
    audio = bars(channels=2, count=3)
    period = round(0.7 * RATE)
    for bar in range(3):
        audio[:, bar * period : (bar + 1) * period] *= torch.tensor([[1.0 + bar], [2.0 - 0.3 * bar]])
    audio[:, 2 * period :] = noise(period, 2, seed=6)
    gap = one_mask([Gap(period // 2, period // 2 + 512)], audio.shape[-1])
    restored, [told] = alike(Recall(matches=1)).explain(audio, gap, RATE)
    assert told.sources[0].start == period // 2 + period
    assert told.sources[0].gains == pytest.approx((1 / 2, 2 / 1.7), rel=0.05)
    assert (snr(restored, audio, gap) > 20).all()


def test_without_repetition_it_is_no_worse_than_janssen():
    gains = []
    for seed in range(8):
        audio = noise(2 * RATE, seed=seed).cumsum(-1)
        audio = audio - torch.nn.functional.avg_pool1d(audio, 401, 1, 200)
        gap = in_the_middle(audio)
        restored, janssen = alike(Recall())(audio, gap, RATE), alike(Janssen())(audio, gap, RATE)
        gains.append(float(snr(restored, audio, gap) - snr(janssen, audio, gap)))
    assert np.mean(gains) > -0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_known_samples_are_returned_bit_for_bit(dtype):
    audio = bars(channels=2).to(dtype)
    audio[0, 10] = -0.0
    gap = one_mask([Gap(0, 40), Gap(9000, 9500), Gap(9550, 9551), Gap(20000, 20700)], audio.shape[-1])
    before = audio.clone()
    restored = alike(Recall())(audio, gap, RATE)
    bits = {torch.float32: torch.int32, torch.float64: torch.int64}[dtype]
    assert restored.dtype == dtype
    assert torch.equal(restored[:, ~gap].view(bits), audio[:, ~gap].view(bits))
    assert torch.equal(audio, before)
    assert torch.equal(alike(Recall())(audio, gap, RATE), restored)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_lost_values_change_no_bit_of_the_result(rate):
    audio = bars(rate, 3)
    gap = one_mask([Gap(rate, rate + 600)], len(audio[0]))
    restored = alike(Recall())(audio, gap, rate)
    for value in (torch.nan, 1e30):
        assert torch.equal(alike(Recall())(audio.masked_fill(gap, value), gap, rate), restored)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_rehearsal_never_sees_what_it_has_to_guess(rate):
    """Up to the rounding of the search, which may prefer another chance resemblance."""
    audio = bars(rate, 4)
    gap = in_the_middle(audio, rate)
    scene = Scene(Recall(), audio.masked_fill(gap, 0), gap, rate)
    start, whole = audio.shape[-1] // 2, Gap(0, audio.shape[-1])
    [place, _] = scene.rehearsals(Gap(start, start + round(0.064 * rate)))
    other = audio.clone()
    other[:, place.start : place.stop] = noise(place.stop - place.start, seed=9)
    unseen = Scene(Recall(), other.masked_fill(gap, 0), gap, rate)
    fills = [completed([each.sketch(place, whole)], each.ways)[0] for each in (scene, unseen)]
    torch.testing.assert_close(*fills, rtol=0, atol=1e-4)


def test_a_repetition_half_a_sample_off_the_grid_is_aligned():
    """Band-limited noise, whose bars are half a sample longer than a whole number of them."""
    period, length = 5600.5, 12_000
    smooth = lfilter(firwin(65, 0.8), 1, noise(6000)[0].numpy())[64:]
    bar = torch.from_numpy(np.pad(smooth, 40))[None]
    audio = torch.zeros(1, length, dtype=torch.float64)
    for repeat in range(2):
        start = round(repeat * period)
        audio[:, start : start + 6016] += delayed(bar, torch.tensor([start - repeat * period]))
    gap = one_mask([Gap(8700, 9212)], length)
    assert snr(alike(Recall(matches=1))(audio, gap, RATE), audio, gap) > 30


def test_single_precision_loses_nothing_that_can_be_heard():
    audio = (bars(16000, 3, channels=2) + 0.02 * noise(33600, 2, seed=4)).float()
    gap = one_mask([Gap(0, 300), Gap(16000, 16800), Gap(25000, 25600)], audio.shape[-1])
    single, double = alike(Recall())(audio, gap, 16000), alike(Recall())(audio.double(), gap, 16000)
    assert single.dtype == torch.float32
    assert (snr(single.double(), double, gap) > 100).all()


def test_lost_samples_elsewhere_are_missing_and_not_silence():
    """The same place is lost in three of five bars: the two others restore it, and no lost bar is ever offered."""
    audio, period = bars(), round(0.7 * RATE)
    starts = [period // 2 + bar * period for bar in (0, 2, 3)]
    gap = one_mask([Gap(start, start + 512) for start in starts], audio.shape[-1])
    restored, told = alike(Recall()).explain(audio, gap, RATE)
    assert snr(restored, audio, gap) > 30
    for each in told:
        assert len(each.sources) > 3
        assert not any(gap[source.start : source.start + 512].any() for source in each.sources)


def test_lost_samples_beside_a_match_do_not_spoil_it():
    audio, period = bars(count=3), round(0.7 * RATE)
    audio[:, 2 * period :] = noise(period, seed=5)
    start = period // 2
    gap = one_mask([Gap(start, start + 512), Gap(start + period + 600, start + period + 900)], audio.shape[-1])
    restored, [told, _] = alike(Recall()).explain(audio, gap, RATE)
    assert told.sources[0].start == start + period
    assert told.sources[0].score > 0.999
    own = one_mask([Gap(start, start + 512)], audio.shape[-1])
    assert snr(restored, audio, own) > 30


def products(segments, target):
    both = torch.cat([segments, target[:, None]], 1)
    return both @ both.mT


def test_ridge_gains_are_those_of_an_augmented_least_squares_problem():
    segments, target = noise(60, 6).reshape(2, 3, 60), noise(60, 2, seed=1)
    gains = ridge_gains(products(segments, target))
    for channel in range(2):
        a, b = segments[channel].numpy(), target[channel].numpy()
        likeness = np.array([np.corrcoef(np.append(row, -row), np.append(b, -b))[0, 1] ** 2 for row in a])
        penalty = 0.1 * np.mean((a**2).sum(-1)) * ((1 - likeness) / likeness + 0.01)
        wide = np.concatenate([a.T, np.diag(np.sqrt(penalty))])
        expected = np.linalg.lstsq(wide, np.concatenate([b, np.zeros(3)]), rcond=None)[0]
        np.testing.assert_allclose(gains[channel].numpy(), expected, rtol=1e-6)


def test_gains_of_equal_segments_share_what_one_of_them_would_get():
    segment = noise(200)
    gains = ridge_gains(products(segment.expand(1, 8, 200), segment))
    torch.testing.assert_close(gains, torch.full((1, 8), 1 / 8, dtype=torch.float64), rtol=0.01, atol=0)
    assert not ridge_gains(products(torch.zeros(1, 3, 200, dtype=torch.float64), segment)).any()


@pytest.mark.parametrize(("length", "order"), [(600, 40), (5120, 512)])
def test_fast_burg_is_burg(length, order):
    x = torch.cat([noise(length), noise(length, seed=1).cumsum(-1), torch.zeros(1, length, dtype=torch.float64)])
    torch.testing.assert_close(fast_burg(x, order), burg(x, order)[0], rtol=0, atol=1e-6)


def test_fast_burg_predicts_a_tone_in_faint_noise_as_burg_does():
    t = torch.arange(3000, dtype=torch.float64)
    x = torch.sin(0.3 * t)[None] + 1e-5 * noise(3000)
    errors = [np.square(lfilter(a[0].numpy(), 1, x[0].numpy())[64:]).sum() for a in (fast_burg(x, 64), burg(x, 64)[0])]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


@pytest.mark.parametrize(
    "lost",
    [
        [(0, 300)],
        [(1700, 2000)],
        [(1, 1999)],
        [(0, 2000)],
        [(40, 1960)],
        [(20, 30), (40, 50)],
        [(500, 501)],
        [(300, 700), (740, 1100), (1500, 1600)],
        [(i, i + 10) for i in range(5, 1990, 300)],
        [(i, i + 1) for i in range(0, 2000, 200)],
    ],
    ids=str,
)
def test_any_shape_of_gap_gives_sensible_values(lost):
    audio, gap = noise(2000, 2), one_mask([Gap(*span) for span in lost], 2000)
    restored, told = alike(Recall()).explain(audio, gap, RATE)
    assert restored.isfinite().all()
    assert [(each.gap.start, each.gap.stop) for each in told] == lost
    if not gap.all():
        assert restored.abs().max() <= 4 * audio[:, ~gap].abs().max()


def test_silence_stays_silence_and_tones_stay_tones():
    length = 2 * RATE
    t = torch.arange(length, dtype=torch.float64) / RATE
    gap = one_mask([Gap(0, 100), Gap(8000, 8512), Gap(12000, 12100)], length)
    assert not alike(Recall())(torch.zeros(1, length), gap, RATE).any()
    tone = (0.3 * torch.sin(2 * torch.pi * 250 * t))[None]
    assert snr(alike(Recall())(tone, gap, RATE), tone, gap) > 40
    half = torch.cat([torch.zeros_like(tone), tone])
    restored = alike(Recall())(half, gap, RATE)
    assert not restored[0].any()
    assert snr(restored[1], tone[0], gap) > 40


def test_level_scales_the_result_with_it():
    audio = bars()
    gap = in_the_middle(audio)
    torch.testing.assert_close(alike(Recall())(audio * 2**-20, gap, RATE) * 2**20, alike(Recall())(audio, gap, RATE))


def test_nothing_beyond_the_context_is_used():
    reach, rate = 2 * RATE, RATE
    audio = noise(8 * rate).cumsum(-1)
    audio = audio - torch.nn.functional.avg_pool1d(audio, 401, 1, 200)
    start = 4 * rate
    gap = one_mask([Gap(start, start + 512)], len(audio[0]))
    cut = slice(start - reach, start + 512 + reach)
    recall = alike(Recall(context=2.0))
    part = recall(audio[:, cut], gap[cut], rate)
    torch.testing.assert_close(part, recall(audio, gap, rate)[:, cut], rtol=0, atol=1e-9)


def test_the_expected_snr_is_near_the_true_one_where_the_music_repeats():
    audio = bars() + 0.02 * noise(5 * round(0.7 * RATE), seed=3)
    gap = in_the_middle(audio)
    restored, [told] = alike(Recall()).explain(audio, gap, RATE)
    assert abs(told.expected_snr - float(snr(restored, audio, gap))) < 4
    assert list(told.weights) == list(told.errors) == ["janssen", "recall"]
    assert told.weights["recall"] > 0.95
    assert sum(told.weights.values()) == pytest.approx(1)
    assert told.errors["recall"] < 0.1 < told.errors["janssen"]


def test_a_long_gap_is_left_to_janssen_and_costs_no_quadratic_time():
    audio = bars(count=12)
    gap = one_mask([Gap(20_000, 45_000)], audio.shape[-1])
    assert torch.equal(alike(Recall())(audio, gap, RATE), alike(Janssen())(audio, gap, RATE))


def test_a_gap_left_to_janssen_says_so_and_is_what_janssen_makes_of_it():
    audio = noise(4000)
    gap = one_mask([Gap(0, 300), Gap(500, 700), Gap(3900, 4000)], 4000)
    restored, told = alike(Recall()).explain(audio, gap, RATE)
    assert [explanation.weights for explanation in told] == 3 * [{"janssen": 1.0}]
    assert torch.equal(restored, alike(Janssen())(audio, gap, RATE))


def test_gaps_that_are_not_wanted_are_lost_but_stay_empty():
    audio = bars(count=6, channels=2)
    gaps = [Gap(4000, 4300), Gap(9000, 9300), Gap(14_000, 14_300), Gap(audio.shape[-1] - 200, audio.shape[-1])]
    gap = one_mask(gaps, audio.shape[-1])
    whole, told = alike(Recall()).explain(audio, gap, RATE)
    part, own = alike(Recall()).explain(audio, gap, RATE, [gaps[1], gaps[3]])
    assert own == [told[1], told[3]]
    assert torch.equal(part[:, 9000:9300], whole[:, 9000:9300])
    assert torch.equal(part[:, gaps[3].start :], whole[:, gaps[3].start :])
    assert not part[:, 4000:4300].any()
    assert not part[:, 14_000:14_300].any()


def test_far_gaps_are_left_to_janssen_one_by_one_and_close_ones_together():
    audio = noise(40_000, 2)
    spans = [(0, 300), (9000, 12_000), (20_000, 23_000), (23_100, 26_000), (30_000, 32_500), (39_900, 40_000)]
    gap = one_mask([Gap(*span) for span in spans], 40_000)
    assert torch.equal(alike(Recall())(audio, gap, RATE), alike(Janssen())(audio, gap, RATE))
    parts = neighbourhoods([Gap(*span) for span in spans], 40_000, RATE)
    assert [len(mask_gaps(gap[part])) for part in parts] == [1, 1, 2, 1, 1]
    assert max(part.stop - part.start for part in parts) < 9000


@pytest.mark.parametrize("option", ["templates=0.064", "contexts=2", "contexts=[2]", "contexts=[]"])
def test_options_that_make_no_sense_are_refused_in_one_line(option):
    with pytest.raises(InputError, match=r"recall:.*(a list|begin with 1)"):
        method(f"recall:{option}")


def test_it_is_registered():
    assert method("recall") == Recall()
    assert "recall" in names()


def woven(seconds, channels=1, seed=0):
    """Coloured noise that lost two samples of every five from 0.1 s on, and the mask."""
    rough = noise(round(seconds * RATE), channels, seed)
    audio = torch.from_numpy(lfilter([1.0], [1.0, -1.7, 0.9], rough.numpy()))
    place = torch.arange(audio.shape[-1])
    gap = ((place % 5 < 2) & (place > RATE // 10)).expand_as(audio)
    return audio, gap


def test_two_samples_of_every_five_are_restored_jointly():
    audio, gap = woven(4, channels=2)
    filled = Janssen()(audio.masked_fill(gap, 0), gap, RATE)
    for part in filled[..., gap[0]].sub(audio[..., gap[0]]).tensor_split(4, -1):  # as well at the end as at the start
        assert 10 * torch.log10(audio[..., gap[0]].square().mean() / part.square().mean()) > 15
    assert torch.equal(filled[~gap], audio[~gap])


def test_many_tiny_gaps_change_no_fill_far_from_them():
    audio, gap = woven(2)
    gap = gap & (torch.arange(audio.shape[-1]) > RATE)
    long = torch.zeros_like(gap)
    long[:, 2000:2400] = True
    alone, both = (Janssen()(audio.masked_fill(lost, 0), lost, RATE) for lost in (long, long | gap))
    assert torch.equal(both[:, 2000:2400], alone[:, 2000:2400])


def test_recall_rehearses_none_of_many_tiny_gaps(monkeypatch):
    audio, gap = woven(1)
    gap = gap.clone()
    monkeypatch.setattr(Scene, "restore", lambda *_: pytest.fail("a gap of two samples was rehearsed"))
    filled, told = Recall().explain(audio.masked_fill(gap, 0), gap, RATE, mask_gaps(gap[0]))
    assert torch.equal(filled, Janssen()(audio.masked_fill(gap, 0), gap, RATE))
    assert [one.gap for one in told] == mask_gaps(gap[0])
    assert {tuple(one.weights) for one in told} == {("janssen",)}
