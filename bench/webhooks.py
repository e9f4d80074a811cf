"""Webhooks per second, accepted and durable, through the real door: waitress, a real socket, Shopify's signature.

`python -m bench.webhooks` runs it on SQLite in a folder of its own, or on the empty database that is given.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import http.client
import json
import multiprocessing
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import func, select

from automation.app import App, build
from automation.clock import real_time, stopwatch
from automation.connections import connect
from automation.models import InboundWebhook, Record, Store
from automation.security import random_id
from automation.settings import Settings, child_environment

SECRET = "a secret that a shop would have"
KEY = "a key that only this measurement knows"

_SERVER = """
import logging, waitress
logging.getLogger("waitress.queue").setLevel(logging.ERROR)
from automation.app import build
from automation.settings import load
from webapp.factory import create_app
app = build(load())
server = waitress.create_server(create_app(app), host="127.0.0.1", port=0, threads=app.settings.web_threads, ident=None)
print(server.effective_port, flush=True)
server.run()
"""


def _call(port: int, path: str, count: int, worker: int, body: bytes, latencies: Any) -> None:
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    spans = []
    for n in range(count):
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": "orders/create",
            "X-Shopify-Hmac-Sha256": signature,
            "X-Shopify-Webhook-Id": f"{worker}-{n}",
        }
        began = stopwatch()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        spans.append(stopwatch() - began)
        if answer.status != 200:
            raise RuntimeError(f"the door answered {answer.status}")
    latencies.put(spans)


def _prepare(app: App) -> str:
    Record.metadata.create_all(app.db.engine)
    now = real_time()
    with app.db.write() as session:
        store = Store(public_id=random_id(), name="Bench", created_at=now)
        session.add(store)
        session.flush()
        row = connect(
            app,
            session,
            store_id=store.id,
            role="platform",
            kind="shopify",
            name="Shopify",
            settings={"secret": SECRET, "shop_domain": "bench.myshopify.com"},
            now=now,
        )
        return row.public_id


def measure(*, callers: int = 16, each: int = 500, threads: int = 16, url: str | None = None) -> dict[str, Any]:
    """Post `callers * each` orders of a few KB over as many connections; every one answered 200 must be a row."""
    body = (Path(__file__).parent.parent / "tests/recordings/platforms/shopify/orders-create.json").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        given = {"database_url": url} if url else {}
        app = build(Settings(data=Path(folder), secret_key=KEY, **given))  # type: ignore[arg-type]  # pydantic reads text
        path = f"/hooks/{_prepare(app)}"
        environment = child_environment(
            CARTWHEEL_DATA=folder,
            CARTWHEEL_DATABASE_URL=app.db.url,
            CARTWHEEL_SECRET_KEY=KEY,
            CARTWHEEL_WEB_THREADS=str(threads),
        )
        server = subprocess.Popen([sys.executable, "-c", _SERVER], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            process = psutil.Process(server.pid)
            before = sum(process.cpu_times()[:2])
            latencies: Any = multiprocessing.Queue()
            jobs = [
                multiprocessing.Process(target=_call, args=(port, path, each, n, body, latencies))
                for n in range(callers)
            ]
            began = stopwatch()
            for job in jobs:
                job.start()
            spans = sorted(span for _ in jobs for span in latencies.get(timeout=300))
            seconds = stopwatch() - began
            for job in jobs:
                job.join()
            work = sum(process.cpu_times()[:2]) - before
        finally:
            server.kill()  # the hard way: what was answered 200 must be there all the same
            server.wait()
        with app.db.read() as session:
            kept = session.scalar(select(func.count()).select_from(InboundWebhook)) or 0
        app.close()
    if kept != len(spans):
        raise RuntimeError(f"{len(spans)} webhooks were accepted, {kept} are there")
    return {
        "webhooks": kept,
        "bytes_each": len(body),
        "callers": callers,
        "web_threads": threads,
        "per_second": round(kept / seconds),
        "server_cpu_ms_each": round(work * 1000 / kept, 2),
        "median_ms": round(spans[len(spans) // 2] * 1000, 1),
        "p99_ms": round(spans[len(spans) * 99 // 100] * 1000, 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--each", type=int, default=500)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--url", help="an empty database; without it, SQLite in a temporary folder")
    print(json.dumps(measure(**vars(parser.parse_args())), indent=2))
