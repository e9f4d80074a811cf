"""A network cable that can be pulled: forwards TCP from a port of its own, until it is cut."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress


class Cable:
    """Forwards connections to a port on this machine. Cut, it lets nothing through and closes nothing."""

    def __init__(self, port: int, own: int = 0) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", own))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._is_cut = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut.is_set():
                # As a host that does not answer: the caller waits for its own patience to end.
                with self._lock:
                    self._pairs.append((near, near))
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._pairs.append((near, far))
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            try:
                while True:
                    for key, _ in selector.select(1):
                        while self._is_cut.wait(0):
                            threading.Event().wait(0.05)
                        assert isinstance(key.fileobj, socket.socket)
                        data = key.fileobj.recv(65536)
                        if not data:
                            raise ConnectionError
                        key.data.sendall(data)
            except (OSError, ValueError):
                for end in (near, far):
                    end.close()

    def cut(self) -> None:
        """Pull the plug: both ends believe that they are still connected."""
        self._is_cut.set()

    def mend(self) -> None:
        """Plug it in again; what was connected has been given up by both ends meanwhile."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                end.close()
        self._is_cut.clear()

    def close(self) -> None:
        """Stop forwarding."""
        # Closing alone does not wake the thread that accepts: it would take one more connection.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.mend()
