"""Give the documentation's site the layout of the repository, so that links between files work on both.

A hook of mkdocs (see mkdocs.yml): pages are the repository's own Markdown files, and those under `reference/` in the
navigation, one a module, are made from its docstrings.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

FILES = (
    "*.md",
    "LICENSE",
    "checkpoints/*.md",
    "configs/cluster/*.sh",
    "data_prep/*.md",
    "demo/clips/*.md",
    "docs/*.md",
    "docs/*.png",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of `docs/` by those of the repository, and add the pages of modules."""
    root = Path(config.config_file_path).parent
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    for path in sorted(path for pattern in FILES for path in root.glob(pattern)):
        name = path.relative_to(root).as_posix()
        files.append(File(name, str(root), config.site_dir, config.use_directory_urls))
    for page in _pages(config.nav):
        if page.startswith("reference/"):
            module = page.removeprefix("reference/").removesuffix(".md")
            files.append(File.generated(config, page, content=f"# {module}\n\n::: {module}\n"))
    return files


def _pages(nav) -> list[str]:
    """Return the paths in a navigation, however deep."""
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in _pages(part)]
