import json

import numpy as np
import pytest
import soundfile
import torch
from benchmark_cases import RATE, folder, tone

from audio_inpaint.benchmark import cases, masks
from audio_inpaint.benchmark.cases import Recording
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.errors import InputError


def recording(tmp_path, **options):
    return Recording("a", "music", tone(tmp_path / "a.wav", **options))


def test_single_gaps_are_as_long_as_asked_and_keep_their_context(tmp_path):
    found = masks.single(recording(tmp_path), 0, (20, 64), 3, 128.0, seed=0)
    assert [case.mask.label for case in found] == ["20 ms"] * 3 + ["64 ms"] * 3
    for case in found:
        (gap,) = case.mask.gaps
        assert gap.stop - gap.start == round(case.mask.size_ms * RATE / 1000)
        assert gap.start >= 0.128 * RATE
        assert gap.stop <= RATE - 0.128 * RATE


def test_gaps_that_are_lost_together_lie_in_equal_parts_of_the_recording(tmp_path):
    found = masks.single(recording(tmp_path, seconds=4.0), 0, (64,), 2, 300.0, seed=0, together=4)
    assert [(case.mask.label, case.mask.size_ms, case.number) for case in found] == [
        ("4 gaps of 64 ms", 256, 0),
        ("4 gaps of 64 ms", 256, 1),
    ]
    for case in found:
        for part, gap in enumerate(case.mask.gaps):
            assert gap.stop - gap.start == 0.064 * RATE
            assert (part + 0.3) * RATE <= gap.start <= gap.stop <= (part + 0.7) * RATE
        assert len(case.mask.gaps) == 4
    short = Recording("a", "music", tmp_path / "a.wav", seconds=2.0)
    assert masks.single(short, 0, (64,), 2, 300.0, seed=0, together=4) == []


def test_no_gap_of_several_is_silent(tmp_path):
    sound = np.random.default_rng(0).standard_normal(4 * RATE) * 0.1
    sound[RATE + RATE // 2 : 2 * RATE] = 0
    sound[3 * RATE :] = 0
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    half = Recording("a", "music", tmp_path / "a.wav", seconds=3.0)
    assert {len(case.mask.gaps) for case in masks.single(half, 0, (64,), 5, 50.0, seed=0, together=3)} == {3}
    assert masks.single(Recording("a", "music", tmp_path / "a.wav"), 0, (64,), 5, 50.0, seed=0, together=4) == []


def test_a_length_has_the_same_gaps_whatever_other_lengths_are_drawn(tmp_path):
    one = recording(tmp_path)
    alone = masks.single(one, 3, (64,), 2, 128.0, seed=5)
    assert alone == masks.single(one, 3, (10, 64, 80), 2, 128.0, seed=5)[2:4]
    assert alone != masks.single(one, 3, (64,), 2, 128.0, seed=6)


def test_sets_of_gaps_add_up_and_do_not_touch(tmp_path):
    for case in masks.cumulative(recording(tmp_path, seconds=5.0), 0, masks.CUMULATIVE_MS, 1, seed=0):
        lengths = [gap.stop - gap.start for gap in case.mask.gaps]
        assert sum(lengths) == case.mask.size_ms * RATE / 1000
        assert min(lengths) >= 0.04 * RATE
        assert max(lengths) <= 0.08 * RATE
        assert all(a.stop < b.start for a, b in zip(case.mask.gaps, case.mask.gaps[1:], strict=False))


def test_a_run_of_columns_takes_just_those_columns(tmp_path):
    from audio_inpaint.benchmark.restoration import column_samples, hop_length

    for case in masks.columns(recording(tmp_path), 0, (1, 3, 5), 2, hop_length(RATE), seed=0):
        gap = cases.lost(case, RATE)
        _, columns, core = column_samples(gap, RATE)
        count = int(case.mask.label.split()[0])
        assert int(columns.sum()) == count
        # a window of four hops: m lost columns lose (m - 3) hops, and a sample where the window is zero
        assert int(core.sum()) == max(0, (count - 3) * 512 + 1)


def test_silence_is_left_out_and_short_recordings_too(tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    silent = Recording("silent", "music", tmp_path / "silent.wav")
    assert masks.single(silent, 0, (64,), 2, 128.0, seed=0) == []
    assert masks.cumulative(recording(tmp_path, seconds=0.3), 0, (1000,), 1, seed=0) == []


def test_masks_are_read_as_they_were_written(tmp_path):
    drawn = masks.single(recording(tmp_path), 0, (20, 64), 2, 128.0, seed=0)
    cases.write(tmp_path / "masks.json", drawn, 7)
    assert cases.read(tmp_path / "masks.json") == drawn
    assert json.loads((tmp_path / "masks.json").read_text())["seed"] == 7


@pytest.mark.parametrize("content", ["", "[]", '{"cases": [{"gaps": 3}]}'])
def test_damaged_masks_are_refused(tmp_path, content):
    (tmp_path / "masks.json").write_text(content)
    with pytest.raises(InputError, match="holds no masks"):
        cases.read(tmp_path / "masks.json")
    with pytest.raises(InputError, match="cannot be read"):
        cases.read(tmp_path / "none.json")


def test_kinds_are_the_sub_folders_or_what_the_user_calls_them(tmp_path):
    place = folder(tmp_path / "clips")
    assert [(r.name, r.kind) for r in recordings([str(place)])][:2] == [
        ("music/clip_0", "music"),
        ("music/clip_1", "music"),
    ]
    assert {r.kind for r in recordings([f"tones={place}"])} == {"tones"}
    assert [r.kind for r in recordings([f"voice={place / 'speech' / 'clip_0.wav'}"])] == ["voice"]


def test_as_many_recordings_of_each_kind_as_asked_by_the_seed(tmp_path):
    place = str(folder(tmp_path / "clips", each=5))
    few = recordings([place], limit=2)
    assert [r.kind for r in few] == ["music", "music", "speech", "speech"]
    assert few == recordings([place], limit=2)
    assert any(few != recordings([place], limit=2, seed=seed) for seed in range(1, 4))


def test_data_sets_give_their_test_split_alone(tmp_path):
    fma = tmp_path / "fma"
    for number in (2, 5, 10):
        tone(fma / "fma_small" / "000" / f"{number:06d}.wav")
    (fma / "fma_metadata").mkdir()
    (fma / "fma_metadata" / "tracks.csv").write_text(
        ",set,track\n,split,title\ntrack_id,,\n2,training,a\n5,test,b\n10,validation,c\n"
    )
    assert [r.path.stem for r in recordings([str(fma)])] == ["000005"]
    assert [r.path.stem for r in recordings([str(fma)], split="training")] == ["000002"]
    notes = tmp_path / "notes"
    for split in ("train", "test"):
        tone(notes / f"nsynth-{split}" / "audio" / f"{split}.wav")
    assert [r.path.stem for r in recordings([f"notes={notes}"])] == ["test"]


def test_what_cannot_be_a_source_is_said(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        recordings([str(tmp_path / "none")])
    with pytest.raises(InputError, match="no audio files"):
        recordings([str(tmp_path)])
    place = str(folder(tmp_path / "clips"))
    with pytest.raises(InputError, match="two recordings"):
        recordings([f"a={place}", f"a={place}"])


def test_recordings_are_cut_averaged_and_resampled(tmp_path):
    stereo = np.stack([np.full(8000, 0.5), np.full(8000, 0.25)], 1)
    soundfile.write(tmp_path / "s.wav", stereo, 8000, subtype="DOUBLE")
    audio, rate = Recording("s", "x", tmp_path / "s.wav", start=0.25, seconds=0.5).audio()
    assert (audio.shape, rate) == ((1, 4000), 8000)
    assert torch.allclose(audio, torch.tensor(0.375, dtype=torch.float64))
    audio, rate = Recording("s", "x", tmp_path / "s.wav", mono=False, sample_rate=16000).audio()
    assert (audio.shape, rate) == ((2, 16000), 16000)
