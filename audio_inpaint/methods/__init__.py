"""Methods that fill gaps: one contract for all, found by name in `registry`."""
