"""How close a restoration comes to the original: one score or family of scores a module."""

from audio_inpaint.metrics.peaq import odg

__all__ = ["odg"]
