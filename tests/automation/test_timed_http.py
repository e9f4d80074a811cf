from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from automation.app import client
from automation.clock import stopwatch

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n"


@contextmanager
def server(answer: Callable[[socket.socket, int], None]) -> Iterator[tuple[str, list[int]]]:
    """Hands each request to `answer`; its address, and the number of requests on each connection."""
    over, counts = threading.Event(), list[int]()

    def talk(sock: socket.socket) -> None:
        counts.append(0)
        place = len(counts) - 1
        held = b""
        with suppress(OSError), sock:
            while data := sock.recv(65536):
                held += data
                if not held.endswith(b"\r\n\r\nx"):
                    continue
                held = b""
                counts[place] += 1
                answer(sock, sum(counts))

    def listen() -> None:
        while not over.is_set():
            with suppress(OSError):
                sock, _ = listener.accept()
                threading.Thread(target=talk, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", counts
        over.set()
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "answer", [ANSWER, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER], ids=["", "chunked", "100"]
)
def test_a_connection_is_kept_for_the_next_request(answer: bytes) -> None:
    with server(lambda sock, _: sock.sendall(answer)) as (url, counts), client() as http:
        assert [http.post(url, content=b"x").text for _ in "123"] == ["first"] * 3
    assert counts == [3]


@pytest.mark.parametrize("answer", [ANSWER, CHUNKED], ids=["", "chunked"])
def test_what_comes_behind_an_answer_is_never_the_next_one(answer: bytes) -> None:
    def twice(sock: socket.socket, number: int) -> None:
        sock.sendall(answer * 2 if number == 1 else answer.replace(b"first", b"later"))

    with server(twice) as (url, counts), client() as http:
        assert [http.post(url, content=b"x").text for _ in "12"] == ["first", "later"]
    assert counts == [1, 1]


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n", ANSWER[:-5]], ids=["head", "body"])
def test_an_answer_ends_within_the_time_however_often_a_letter_comes(start: bytes) -> None:
    def drip(sock: socket.socket, _: int) -> None:
        sock.sendall(start)
        for _ in range(200):
            sock.sendall(b"x" if start.endswith(b"OK\r\n") else b"")
            if over.wait(0.02):
                return

    over = threading.Event()
    began = stopwatch()
    with server(drip) as (url, _), client(httpx.Timeout(1), longest=0.2) as http, pytest.raises(httpx.ReadTimeout):
        http.post(url, content=b"x")
    over.set()
    assert stopwatch() - began < 0.9


def test_an_answer_may_take_long_if_the_next_one_is_a_new_one() -> None:
    def slowly(sock: socket.socket, _: int) -> None:
        pause.wait(0.12)
        sock.sendall(ANSWER)

    pause = threading.Event()
    with server(slowly) as (url, counts), client(httpx.Timeout(1), longest=0.3) as http:
        assert [http.post(url, content=b"x").text for _ in "1234"] == ["first"] * 4
    assert counts == [4]
