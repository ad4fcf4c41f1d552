"""Alignment: where another recording of the same programme plays what this one plays, to a fraction of a sample."""
