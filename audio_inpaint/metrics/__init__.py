"""How close a restoration comes to the original: one score or family of scores a module."""
