"""HTML files to hear, see and score repaired recordings, which open without a network and without a server."""

from audio_inpaint.report.item import Item, Scores, score
from audio_inpaint.report.restorations import Report, write_report

__all__ = ["Item", "Report", "Scores", "score", "write_report"]
