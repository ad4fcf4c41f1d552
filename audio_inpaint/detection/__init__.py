"""Find the damage in recordings: one file for each kind, and one loop over a recording's blocks."""

from audio_inpaint.detection.examination import Findings as Findings
from audio_inpaint.detection.examination import detect as detect
from audio_inpaint.detection.examination import examine as examine
from audio_inpaint.detection.found import Detection as Detection
from audio_inpaint.detection.kinds import DEFAULT as DEFAULT
from audio_inpaint.detection.kinds import KINDS as KINDS
from audio_inpaint.detection.kinds import PRESETS as PRESETS
from audio_inpaint.detection.kinds import Search as Search
from audio_inpaint.detection.kinds import search as search
