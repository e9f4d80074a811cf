"""A mail server that takes every mail without looking at it; prints its port and serves."""

from __future__ import annotations

import sys
from socketserver import StreamRequestHandler, ThreadingTCPServer

_OFFERS = sys.argv[1].split(",") if len(sys.argv) > 1 else []
_END = b"\r\n.\r\n"


class Door(StreamRequestHandler):
    """Answers what arrived together together, as servers with PIPELINING do."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.request.sendall(b"220 sink ESMTP\r\n")
        held = b""
        in_content = False
        while data := self.request.recv(1 << 20):
            held += data
            answers = b""
            while True:
                end = held.find(_END if in_content else b"\r\n")
                if end < 0:
                    break
                if in_content:
                    held, in_content = held[end + len(_END) :], False
                    answers += b"250 2.0.0 Ok: queued as SINK\r\n"
                    continue
                line, held = held[:end], held[end + 2 :]
                word = line[:4].upper()
                in_content = word == b"DATA"
                answers += self._answer(word)
                if word == b"QUIT":
                    self.request.sendall(answers)
                    return
            if answers:
                self.request.sendall(answers)

    def _answer(self, word: bytes) -> bytes:
        if word == b"DATA":
            return b"354 go on\r\n"
        if word == b"EHLO":
            lines = ["sink", *_OFFERS]
            return "".join(f"250{' ' if line is lines[-1] else '-'}{line}\r\n" for line in lines).encode()
        return b"250 2.0.0 Ok\r\n"


if __name__ == "__main__":
    ThreadingTCPServer.allow_reuse_address = True
    server = ThreadingTCPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
