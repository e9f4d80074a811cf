"""How a worker has Python collect its garbage."""

from __future__ import annotations

import gc

YOUNG = 50_000
"""So many new objects before they are looked through. A batch makes some hundred thousand, none of them in a ring."""


def settle() -> None:
    """Leave what is there at the start (modules, mappings, templates) out of every later look, and look less often.

    Else the collector walks a million lasting objects again and again: a sixth of the time that deciding takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
