"""What the commands print: plain lines, and on a terminal one line of progress that redraws itself."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

WIDTH = 28


class Terminal:
    """Lines and a bar on one stream, from any thread."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._is_tty = self._stream.isatty()
        self._bar = ""
        self._last = ""

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        with self._lock:
            self._wipe()
            self._write(f"{line}\n{self._bar}")

    def bar(self, done: float, words: str) -> None:
        """Show how much is done, 0 to 1. Where the output is no terminal, a line each time the words change."""
        with self._lock:
            if not self._is_tty:
                if words != self._last:
                    self._write(f"  {round(done * 100):3d} % {words}\n")
                    self._last = words
                return
            self._wipe()
            full = round(max(0.0, min(1.0, done)) * WIDTH)
            self._bar = f"  [{'█' * full}{'·' * (WIDTH - full)}] {words}"
            self._write(self._bar)

    def end(self) -> None:
        """Take the bar away."""
        with self._lock:
            self._wipe()
            self._bar = self._last = ""

    def _wipe(self) -> None:
        if self._bar and self._is_tty:
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
