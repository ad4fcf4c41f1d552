from pathlib import Path

from audio_inpaint.methods import sources


def test_packages_that_were_installed_as_links_are_installed(tmp_path, monkeypatch):
    """Otherwise the benchmark reads the source of torch, all of it, for each method."""
    store, packages, mine = (tmp_path / name for name in ("store", "packages", "mine"))
    for folder in (store / "linkedone", packages, mine):
        folder.mkdir(parents=True)
    (store / "linkedone" / "__init__.py").write_text("")
    (packages / "linkedone").symlink_to(store / "linkedone")
    (mine / "beside_it.py").write_text("")
    start = mine / "my_linked_method.py"
    start.write_text("import linkedone, beside_it\n")
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.setattr(sources, "_INSTALLED", {Path(packages)})
    assert sources.closure([start]) == [mine / "beside_it.py", start]
