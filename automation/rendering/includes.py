"""Resolves <mj-include path="…"/> in text, from the files that came with the source and from nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping

from automation.errors import TemplateBroken

_INCLUDE = re.compile(r"<mj-include\b([^>]*?)(?:/>|>\s*</mj-include\s*>)")
_PATH = re.compile(r"\bpath=(?:\"([^\"]*)\"|'([^']*)')")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
MAX_DEPTH = 3


def resolve(source: str, includes: Mapping[str, str], *, depth: int = 0) -> str:
    """The source with every include replaced by its file.

    Raises TemplateBroken for a file that did not come with the source, and for files that include one another
    without end.
    """
    hidden = [m.span() for m in _COMMENT.finditer(source)]

    def replace(found: re.Match[str]) -> str:
        if any(a <= found.start() < b for a, b in hidden):
            return found[0]
        line = source.count("\n", 0, found.start()) + 1
        path = _PATH.search(found[1])
        name = (path[1] or path[2] or "") if path else ""
        if name not in includes:
            known = ", ".join(sorted(includes)) or "none"
            raise TemplateBroken(f"There is no part “{name}” to include; there are: {known}.", part="body", line=line)
        if depth >= MAX_DEPTH:
            raise TemplateBroken(f"Includes can be nested {MAX_DEPTH} deep.", part="body", line=line)
        return resolve(includes[name].strip("\n"), includes, depth=depth + 1)

    return _INCLUDE.sub(replace, source)
