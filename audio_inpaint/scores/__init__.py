"""How close a restoration comes to the original: one score or family of scores a module.

`registry` has them all by name, for one example each; `torch_metrics` as metrics over a data set.
"""

from audio_inpaint.scores.peaq import odg

__all__ = ["odg"]
