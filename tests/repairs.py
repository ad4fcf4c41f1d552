"""Repairs of files as most tests want them: an output that exists is replaced."""

from audio_inpaint.repairing import FileRepair, repair_file


def restore_file(source, output, gaps, method, progress=None) -> FileRepair:
    """Fill the gaps of a file."""
    return repair_file(source, output, gaps, method, overwrite=True, progress=progress)
