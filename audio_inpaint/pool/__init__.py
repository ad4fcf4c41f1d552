"""A pool: other recordings in which what a gap lost may be heard, though none of them is this one."""
