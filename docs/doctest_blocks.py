"""Show the examples of docstrings as code: Markdown takes their `>>>` for quotations.

An extension of griffe, which reads the docstrings for the site (see mkdocs.yml).
"""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


class DoctestBlocks(griffe.Extension):
    """Fence each example, up to the empty line after it."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(lambda block: f"```pycon\n{block[0]}\n```", obj.docstring.value)
