"""A render child: reads frames from stdin, writes frames to stdout, and may be killed at any time.

Started by `pool.py` as `python -m automation.rendering.child` without any environment. It opens no file and no
connection once it is ready; memory, processor time per mail, files and output are limited. A frame is its length
(four bytes), a letter, and the rest:

    K key              the key that signs link targets      → K
    L {json}           a compiled mail under a name         → K or E
    R {json}           contexts for it                      → one M or E each
    C {json}           a source to compile                  → C {json} or E
    M lengths, hashes, subject, html, text                  a mail
    E {json}           why there is none
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from automation.errors import TemplateBroken
from automation.rendering.compile import compile_mail
from automation.rendering.frames import HEAD, LENGTH, OUT_OF_MEMORY
from automation.rendering.mail import Compiled, MailSource
from automation.rendering.sandbox import MailProgram, Program, Sandbox

MEMORY = 208 * 1024 * 1024
"""Bytes above what the child needs when it is ready: with that it stays below 256 MB."""
CPU_SECONDS = 1.2
"""For one mail, or for compiling one; with a new child's start, none takes longer than two."""
_PROGRAMS = 200
"""More than the parent gives it (`process.PROGRAMS`)."""


def _read(count: int) -> bytes:
    parts = []
    while count:
        part = os.read(0, min(count, 1 << 20))
        if not part:
            raise SystemExit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _write(*parts: bytes) -> None:
    waiting: list[bytes | memoryview] = [LENGTH.pack(sum(map(len, parts))), *parts]
    while waiting:
        written = os.writev(1, waiting)
        while waiting and written >= len(waiting[0]):
            written -= len(waiting.pop(0))
        if written:
            waiting[0] = memoryview(waiting[0])[written:]


def _limit() -> None:
    """No core, no written file, few open ones, and a ceiling on memory; where the system knows such limits."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    statm = Path("/proc/self/statm")
    if statm.exists():
        used = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


def _warm_up() -> None:
    """Load what is loaded lazily before memory is counted."""
    Program(Sandbox(is_html=True), "{{ amount|money }}{{ day|date }}", "body")({"amount": 1, "day": "2026-01-01"})


def _watch(seconds: float) -> None:
    """Die after so much processor time; nothing in Python or Rust can hold this signal up."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _explain(error: TemplateBroken) -> bytes:
    return orjson.dumps({"message": str(error), "part": error.part, "line": error.line})


def _mail(program: MailProgram, context: dict[str, Any]) -> None:
    try:
        mail = program(context)
        subject, html, text = mail.subject.encode(), mail.html.encode(), mail.text.encode()
    except TemplateBroken as error:
        _write(b"E", _explain(error))
        return
    except UnicodeEncodeError:
        _write(b"E", _explain(TemplateBroken("There is half a character in what the mail was given.")))
        return
    head = HEAD.pack(len(subject), len(html), len(text), hashlib.sha256(html).digest(), hashlib.sha256(text).digest())
    _write(b"M", head, subject, html, text)


class _Child:
    """The programs it holds, and what it does with each kind of frame."""

    def __init__(self) -> None:
        self._key = b""
        self._programs: OrderedDict[str, MailProgram] = OrderedDict()

    def key(self, data: bytes) -> None:
        self._key = data
        _write(b"K")

    def load(self, data: bytes) -> None:
        given = orjson.loads(data)
        compiled = Compiled(
            subject=given["subject"], mjml="", html=given["html"], text=given["text"], preheader="", links=(), names=()
        )
        try:
            self._programs[given["key"]] = MailProgram(compiled, self._key, is_strict=given["is_strict"])
        except TemplateBroken as error:
            _write(b"E", _explain(error))
            return
        if len(self._programs) > _PROGRAMS:
            self._programs.popitem(last=False)
        _write(b"K")

    def render(self, data: bytes) -> None:
        given = orjson.loads(data)
        program = self._programs[given["key"]]
        self._programs.move_to_end(given["key"])
        for context in given["contexts"]:
            _watch(CPU_SECONDS)
            _mail(program, context)

    def compile(self, data: bytes) -> None:
        try:
            compiled = compile_mail(MailSource(**orjson.loads(data)))
            # Also what the render children will do, so that a mail that was saved can be rendered.
            MailProgram(compiled, self._key)
        except TemplateBroken as error:
            _write(b"E", _explain(error))
            return
        except RecursionError:
            _write(b"E", _explain(TemplateBroken("The mail is nested too deeply.", part="body")))
            return
        _write(b"C", orjson.dumps(asdict(compiled)))


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    child = _Child()
    work: dict[bytes, Callable[[bytes], None]] = {
        b"K": child.key,
        b"L": child.load,
        b"R": child.render,
        b"C": child.compile,
    }
    _warm_up()
    _limit()
    while True:
        frame = _read(LENGTH.unpack(_read(LENGTH.size))[0])
        _watch(CPU_SECONDS)
        try:
            work[frame[:1]](frame[1:])
        except MemoryError:
            # Perhaps it was what other mails left behind that filled it: the parent decides on a second try.
            os._exit(OUT_OF_MEMORY)
        except Exception as error:
            if frame[:1] == b"R":
                raise
            # Jinja's compiler reckons with constants, and what an author writes there may fail in any way.
            _write(b"E", _explain(TemplateBroken(f"It cannot be compiled: {str(error)[:300]}", part="body")))
        _watch(0)


if __name__ == "__main__":
    main()
