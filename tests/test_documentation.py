"""The documentation's site: strict, whole, and without anything from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import audio_inpaint

pytest.importorskip("mkdocs")
pytest.importorskip("mkdocstrings")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def pages(site):
    return {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html") if page.name != "404.html"}


def test_every_text_of_the_project_is_a_page(site):
    texts = [*ROOT.glob("docs/*.md"), *ROOT.glob("checkpoints/*.md"), ROOT / "data_prep" / "README.md"]
    assert len(texts) >= 8
    for text in texts:
        place = text.relative_to(ROOT).with_suffix("")
        assert (site / (place.parent if place.name == "README" else place) / "index.html").is_file(), text
    home = (site / "index.html").read_text(encoding="utf-8")
    assert "audio-inpaint detect damaged.wav" in re.sub("<[^>]+>", "", home)


def test_the_reference_has_the_front_door_with_its_words(site):
    text = (site / "reference" / "audio_inpaint" / "index.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'<h\d id="audio_inpaint\.([\w.]+)"', text))
    for name in set(audio_inpaint.__all__) - {"__version__"}:
        assert name in {one.rsplit(".", 1)[-1] for one in shown} | shown, name
    assert audio_inpaint.repair.__doc__.splitlines()[0].rstrip(".") in re.sub(r"<[^>]+>|\s+", " ", text)


def test_no_link_between_pages_is_broken(site):
    found = 0
    for page, text in pages(site).items():
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            address = urlsplit(link)
            if address.scheme or not address.path:
                continue
            target = page.parent / unquote(address.path)
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{page.relative_to(site)}: {link}"
            if address.fragment and target.suffix == ".html":
                assert f'id="{unquote(address.fragment)}"' in target.read_text(encoding="utf-8"), link
            found += 1
    assert found > 300


def test_a_reader_fetches_nothing_from_elsewhere(site):
    for text in pages(site).values():
        assert not re.findall(r'<(?:script|img|iframe|source)[^>]+src="(?:https?:)?//[^"]*"', text)
        assert not re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect|icon)"[^>]+href="(?:https?:)?//[^"]*"', text)
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()[\s\"']*(?:https?:)?//", style.read_text(encoding="utf-8")), style
