"""Recall, and auto, the default: what a recording repeats elsewhere."""
