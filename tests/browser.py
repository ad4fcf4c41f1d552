"""Pages in a headless browser, and what they are made of."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

VOID = {"meta", "link", "input", "img", "br", "hr"}

# The waits are many and short: the browser's time is virtual and jumps, while decoding and rendering take real time.
PROBE = """
<script>
(async () => {
  const seen = {};
  const until = async (what, holds) => {
    for (let tries = 0; !holds(); tries++) {
      if (tries > 100000) throw new Error(`never: ${what}`);
      await new Promise((resume) => setTimeout(resume, 1));
    }
  };
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  %s
  document.documentElement.dataset.seen = JSON.stringify(seen);
})();
</script>
</body>
"""


class Elements(HTMLParser):
    """Every start tag with its attributes; fails where tags are not nested well."""

    def __init__(self, page):
        super().__init__()
        self.open, self.all = [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.all.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.all.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@dataclass
class Visit:
    """The attributes of the page's root afterwards, what the console said, and a picture."""

    root: dict
    console: list
    screenshot: Path

    @property
    def seen(self):
        """What the script wrote."""
        return json.loads(self.root["data-seen"])


def visit(path, script, size=(1200, 2600)):
    """Open a page of the disk and run a script in it, which may write to `seen`; skips where there is no browser."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine: the page is not tried in a browser")
    page = path.read_text(encoding="utf-8")
    tried = path.with_name(f"tried-{path.name}")
    tried.write_text(page.replace("</body>", PROBE % script), encoding="utf-8")
    quiet = "--no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-quic"
    run = subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", *quiet.split()),
            f"--user-data-dir={path.parent / 'profile'}",
            f"--window-size={size[0]},{size[1]}",
            *("--virtual-time-budget=1000000", f"--screenshot={path.parent / 'page.png'}"),
            *("--dump-dom", tried.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    root = next(attributes for tag, attributes in Elements(run.stdout).all if tag == "html")
    return Visit(root, re.findall(r"CONSOLE.*", run.stderr), path.parent / "page.png")
