"""The parent's end of one render child."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from automation.errors import SetupError, TemplateBroken
from automation.rendering.frames import HEAD, LENGTH, OUT_OF_MEMORY
from automation.rendering.mail import Compiled, MailSource, Rendered

START_SECONDS = 60.0
RECYCLE = 20_000
"""Mails that one child renders before another takes its place."""
PROGRAMS = 100
"""Different mails that one child holds."""
STALL_SECONDS = 2.0
"""No mail takes so long. A child that was not given the processor meanwhile gets as long again, four times."""
_PIPE = 1 << 20
_SET_PIPE_SIZE = 1031
"""fcntl's F_SETPIPE_SZ, which Python 3.11 knows on Linux only."""
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Finished:
    """A rendered mail and the SHA-256 of its two bodies."""

    rendered: Rendered
    html_hash: bytes
    text_hash: bytes


class Died(Exception):
    """The child is gone. `is_certain`: it was what it did last that killed it."""

    def __init__(self, message: str, *, is_certain: bool) -> None:
        super().__init__(message)
        self.reason = TemplateBroken(message)
        self.is_certain = is_certain


class RenderProcess:
    """A child, used by one thread at a time. Raises SetupError when it cannot be started."""

    def __init__(self, link_key: bytes) -> None:
        # No environment: what a template may reach by a hole in the sandbox should be as little as possible.
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-E", "-m", "automation.rendering.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=_ROOT,
            env={},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        self._widen()
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._buffer = bytearray()
        self._loaded: set[str] = set()
        self._calls = 0
        self.count = 0
        try:
            self._send(b"K", link_key)
            self._receive(START_SECONDS)
        except Died as died:
            self.dispose()
            raise SetupError("The render child does not start: is Cartwheel installed completely?") from died

    def _widen(self) -> None:
        if sys.platform == "linux":
            import fcntl  # noqa: PLC0415  not everywhere

            for end in (self._in, self._out):
                try:
                    fcntl.fcntl(end, _SET_PIPE_SIZE, _PIPE)
                except OSError:
                    break

    @property
    def is_worn(self) -> bool:
        """Whether another should take its place: it has rendered much, or holds as many mails as it can."""
        return self.count >= RECYCLE or len(self._loaded) >= PROGRAMS

    def is_alive(self) -> bool:
        """Whether it can be given work."""
        return self._process.poll() is None

    def end(self) -> None:
        """Kill it. Whoever is using it gets Died."""
        self._process.kill()
        self._process.wait()

    def dispose(self) -> None:
        """Kill it and close its pipes; only for who is using it."""
        self.end()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def load(self, key: str, compiled: Compiled, *, is_strict: bool) -> None:
        """Give it a compiled mail, once. Raises TemplateBroken, Died."""
        if key not in self._loaded:
            given = {"key": key, "subject": compiled.subject, "html": compiled.html, "text": compiled.text}
            self._send(b"L", orjson.dumps({**given, "is_strict": is_strict}))
            self._result(self._receive(STALL_SECONDS))
            self._loaded.add(key)
        self._key = key

    def render(self, contexts: Sequence[dict[str, Any]]) -> Iterator[Finished | TemplateBroken]:
        """Render with the mail loaded last, one result after another. Raises Died."""
        self._calls += 1
        self._send(b"R", orjson.dumps({"key": self._key, "contexts": contexts}))
        self.count += len(contexts)
        for _ in contexts:
            try:
                found = self._result(self._receive(STALL_SECONDS))
            except TemplateBroken as broken:
                yield broken
            else:
                assert isinstance(found, Finished)
                yield found

    def compile(self, source: MailSource) -> dict[str, Any]:
        """Compile a source. Raises TemplateBroken, Died."""
        self._calls += 1
        self._send(b"C", orjson.dumps(asdict(source)))
        found = self._result(self._receive(STALL_SECONDS))
        assert isinstance(found, dict)
        return found

    def _send(self, letter: bytes, data: bytes) -> None:
        view = memoryview(LENGTH.pack(len(data) + 1) + letter + data)
        try:
            while view:
                view = view[os.write(self._in, view) :]
        except (BrokenPipeError, ValueError, OSError) as error:
            raise Died("The render child had gone.", is_certain=False) from error

    def _receive(self, seconds: float) -> bytes:
        """The next frame."""
        while True:
            if len(self._buffer) >= LENGTH.size:
                end = LENGTH.size + LENGTH.unpack_from(self._buffer)[0]
                if len(self._buffer) >= end:
                    frame = bytes(memoryview(self._buffer)[LENGTH.size : end])
                    del self._buffer[:end]
                    return frame
            self._wait(seconds)
            try:
                part = os.read(self._out, _PIPE)
            except (OSError, ValueError) as error:
                raise Died("Rendering was stopped.", is_certain=False) from error
            if not part:
                raise self._death()
            self._buffer += part

    def _wait(self, seconds: float) -> None:
        if self._poll.poll(seconds * 500):
            return
        used = self._cpu()
        for _ in range(9):
            if self._poll.poll(seconds * 500):
                return
            if used is None or self._cpu() - used > seconds / 4:
                break
        self.end()
        raise Died(f"It took longer than {seconds:g} seconds.", is_certain=True)

    def _cpu(self) -> Any:
        """Processor seconds it used so far, where the system tells."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _death(self) -> Died:
        code = self._process.wait()
        if code == -signal.SIGPROF:
            return Died("It took too much processor time.", is_certain=True)
        if code == OUT_OF_MEMORY:
            return Died("The mail needs too much memory.", is_certain=self._calls <= 1)
        if code == -signal.SIGSEGV:
            return Died("It is nested too deeply.", is_certain=True)
        return Died(f"The render child died ({code}).", is_certain=False)

    def _result(self, frame: bytes) -> Finished | dict[str, Any] | None:
        letter = frame[:1]
        if letter == b"M":
            subject, html, text, html_hash, text_hash = HEAD.unpack_from(frame, 1)
            at = 1 + HEAD.size
            view = memoryview(frame)
            rendered = Rendered(
                str(view[at : at + subject], "utf-8"),
                str(view[at + subject : at + subject + html], "utf-8"),
                str(view[at + subject + html : at + subject + html + text], "utf-8"),
            )
            return Finished(rendered, html_hash, text_hash)
        if letter == b"E":
            told = orjson.loads(frame[1:])
            raise TemplateBroken(told["message"], part=told["part"], line=told["line"])
        return orjson.loads(frame[1:]) if letter == b"C" else None
