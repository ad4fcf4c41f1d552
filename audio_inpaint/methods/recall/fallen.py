"""Where a guide fell silent by itself, and so says nothing of what was lost.

It is so much quieter there than next to it on both sides, and suddenly: notes decay, and music that pauses does not
keep to a gap.
"""

from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.gaps import Gap, gap_mask, mask_gaps

# Samples whose mean is a level.
GLANCE = 64
# What has fallen is 30 dB quieter than the loudest of so many samples next to it.
_FALLEN = 1e-3
_EDGE = 256
# Samples on each side of a gap in which stretches are looked for.
_AROUND = 64 * _EDGE


def lost_too(guide: Tensor, run: Gap) -> bool:
    """Whether a guide (time,) is silent in a gap, or all of it far quieter than what is next to it on both sides."""
    end = min(_EDGE, len(run) // 4)
    parts = (run.start - _EDGE, run.start + end), (run.start + end, run.stop - end), (run.stop - end, run.stop + _EDGE)
    pieces = [guide[max(0, first) : last].double() for first, last in parts]
    if min(map(len, pieces)) < GLANCE:
        return not guide[run.start : run.stop].any()
    before, inside, after = (_levels(piece).max() for piece in pieces)
    return bool(inside <= _FALLEN * min(before, after))


def fallen(guides: Tensor, gap: Tensor, target: Tensor, lost: Tensor) -> Tensor:
    """Return where guides are lost, (guide, time): what is known to be, and stretches in which they fell silent.

    Args:
        guides: (guide, time), lost samples zero.
        gap: where they are known to be lost, (guide, time).
        target: what is restored, (channel, time): where it is known, and as quiet as the guide, the music pauses.
        lost: where it is lost, (time,).
    """
    found, size = gap.clone(), len(lost)
    around = [Gap(max(0, run.start - _AROUND), min(size, run.stop + _AROUND)) for run in mask_gaps(lost)]
    for place in mask_gaps(gap_mask(around, size)[0]):
        for guide, known, own in zip(guides, ~gap, found, strict=True):
            for stretch in _stretches(guide[place.start : place.stop].double()):
                one = stretch.moved(place.start)
                inside = slice(one.start, one.stop)
                new = lost[inside].any() and known[inside].sum() >= GLANCE
                if new and not _pauses(target, lost, one):
                    own[max(0, one.start - GLANCE) : one.stop + GLANCE] = True
    return found


def _stretches(guide: Tensor) -> list[Gap]:
    """The stretches of some sound (time,) into which it falls, and out of which it rises again."""
    if len(guide) < 2 * GLANCE:
        return []
    levels, hop = _levels(guide), GLANCE // 2
    near = _EDGE // hop
    loudest = pad(levels, (near, near)).unfold(0, near, 1).amax(-1)
    before, after = loudest[: len(levels)], loudest[near + 1 :]
    falls, rises = (mask_gaps((levels <= _FALLEN * beside) & (beside > 0)) for beside in (before, after))
    found: list[Gap] = []
    for fall in falls:
        first, kept = fall.start, None
        for rise in rises:
            last = rise.stop - 1
            if last <= first:
                continue
            quiet = levels[first : rise.stop].max()
            if quiet > _FALLEN * before[first]:
                break
            if quiet <= _FALLEN * after[last]:
                kept = Gap(first * hop, last * hop + GLANCE)
        if kept is not None:
            found.append(kept)
    return found


def _pauses(target: Tensor, lost: Tensor, stretch: Gap) -> bool:
    """Whether what is known of a target in a stretch is far quieter than what is known next to it."""
    inside, wide = (slice(max(0, stretch.start - edge), stretch.stop + edge) for edge in (0, _EDGE))
    beside = ~lost[wide]
    beside[inside.start - wide.start : inside.stop - wide.start] = False
    here, there = target[:, inside][:, ~lost[inside]], target[:, wide][:, beside]
    if min(here.shape[-1], there.shape[-1]) < GLANCE:
        return False
    return bool(here.square().mean() <= _FALLEN**0.5 * there.square().mean())


def _levels(sound: Tensor) -> Tensor:
    return sound.unfold(0, GLANCE, GLANCE // 2).square().mean(-1)
