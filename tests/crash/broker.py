"""Brokers of our own, which are cut, killed and started again while Celery workers work for them."""

from __future__ import annotations

import gc
import os
import random
import shutil
import socket
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from kombu.connection import Connection

from automation.app import App
from automation.queue import celery
from tests.crash.shop import SPEED
from tests.crash.worker import Plan, Tally, arm, forgiving, reborn

SPAN = 0.8
"""Seconds of the machine that a leader's lease holds here."""


class Broker(Protocol):
    """A broker that is ours to hurt."""

    name: str
    url: str

    def hurt(self, rng: random.Random) -> str:
        """Do something to it; answers what."""

    def end(self) -> None:
        """Leave nothing behind."""


def work_for_broker(app: App, plan: Plan, tally: Tally, errors: Path, slack: float) -> None:
    """A worker of the distributed shape, as `cartwheel worker` starts it, until it is killed."""
    gc.disable()
    warnings.simplefilter("ignore")  # Celery's, about root: containers are root
    app = reborn(app)
    arm(plan, tally)
    with forgiving(tally, errors):
        celery.run_worker(app, threading.Event(), span=timedelta(seconds=SPAN * SPEED * slack))


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, seconds: float) -> None:
    for _ in range(int(seconds / 0.1)):
        with suppress(Exception), Connection(url, connect_timeout=1) as connection:  # type: ignore[no-untyped-call]  # kombu's own
            connection.ensure_connection(max_retries=1, timeout=1)
            return
        time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer")


class Redis:
    """A Redis server that keeps nothing on disk: killing it loses every message."""

    name = "redis"

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._start()

    def _start(self) -> None:
        options = ("--port", str(self._port), "--save", "", "--appendonly", "no", "--dir", str(self._folder))
        self._process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        _wait_for(self.url, 10)

    def hurt(self, rng: random.Random) -> str:
        self.end()
        time.sleep(rng.uniform(0, 0.5))
        self._start()
        return "broker killed and started again"

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()


class RabbitMQ:
    """A virtual host of our own on the RabbitMQ node of this machine, which others may be using."""

    name = "rabbitmq"

    def __init__(self, folder: Path) -> None:
        self._host = f"crash-{folder.parent.name[-8:]}"
        self.url = f"amqp://guest:guest@127.0.0.1:5672/{self._host}"
        self._begin()

    def _begin(self) -> None:
        self._tell("add_vhost", self._host)
        self._tell("set_permissions", "--vhost", self._host, "guest", ".*", ".*", ".*")
        _wait_for(self.url, 30)

    @staticmethod
    def _tell(*words: str) -> None:
        subprocess.run(["rabbitmqctl", "--quiet", *words], stdout=subprocess.DEVNULL, check=False)

    def hurt(self, rng: random.Random) -> str:
        """Cut every connection, or, one time in three, lose the virtual host with its queues and make it anew.

        With CARTWHEEL_CRASH_NODE=1 every second time the whole node is stopped and started: for one that is ours.
        """
        if os.environ.get("CARTWHEEL_CRASH_NODE") and rng.random() < 1 / 2:
            self._tell("stop_app")
            time.sleep(rng.uniform(0, 0.5))
            self._tell("start_app")
            _wait_for(self.url, 60)
            return "broker's node stopped and started again"
        if rng.random() < 2 / 3:
            self._tell("close_all_connections", "--vhost", self._host, "cut")
            return "broker connections cut"
        self.end()
        time.sleep(rng.uniform(0, 0.5))
        self._begin()
        return "broker lost its queues"

    def end(self) -> None:
        """Remove the virtual host."""
        self._tell("delete_vhost", self._host)


KINDS: dict[str, Callable[[Path], Broker]] = {"redis": Redis, "rabbitmq": RabbitMQ}


@contextmanager
def broker(name: str, folder: Path) -> Iterator[Broker]:
    """A broker in a folder of its own, ended afterwards."""
    place = folder / name
    place.mkdir(parents=True)
    one = KINDS[name](place)
    try:
        yield one
    finally:
        one.end()
        shutil.rmtree(place, ignore_errors=True)
