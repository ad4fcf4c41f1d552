"""What `import audio_inpaint` gives, and what it costs."""

import subprocess
import sys

import audio_inpaint

HEAVY = ("numpy", "scipy", "soundfile", "torch")


def test_importing_the_package_imports_nothing_heavy_and_takes_no_time():
    timed = (
        "import sys, time; start = time.process_time(); import audio_inpaint; took = time.process_time() - start; "
        f"print(took, *(name for name in {HEAVY} if name in sys.modules))"
    )
    took = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
        seconds, *imported = done.stdout.split()
        assert imported == []
        took.append(float(seconds))
    assert min(took) < 0.1


def test_every_name_is_listed_and_has_a_place():
    assert set(audio_inpaint.__all__) == {*audio_inpaint._WHERE, "__version__"}
    assert dir(audio_inpaint) == sorted(audio_inpaint.__all__)


def test_a_missing_package_of_training_is_said_in_one_line():
    blocked = (
        "import runpy, sys; sys.modules['lightning'] = None; "
        "runpy.run_module('audio_inpaint.train', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "audio_inpaint.train: error: lightning is not installed: pip install 'audio-inpaint[train]'"
    ]
