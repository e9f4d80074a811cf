"""The loop that a script would be: everything anew for every recipient, one request a mail."""

from __future__ import annotations

import hashlib
import hmac
import re
import sqlite3
import tempfile
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
from jinja2 import Environment
from mjml import mjml2html

from automation.clock import stopwatch
from bench import mail


def rates(address: str, count: int) -> tuple[float, float]:
    """Mails per second on one core.

    The first figure is bare: MJML, Jinja, one request. The second ends where the belt ends: links are signed and
    tracked, there is a text part, and that the mail has left is on disk before the next one goes.
    """
    environment = Environment(autoescape=True)
    source, subject = environment.from_string(mail.MJML), environment.from_string(mail.SUBJECT)
    text = environment.from_string(_TEXT)

    def body(i: int) -> dict[str, str]:
        values = _values(i)
        return {
            "From": "hello@wren.example.com",
            "To": f"ada{i}@example.com",
            "Subject": subject.render(values),
            "HtmlBody": mjml2html(source.render(values)),
        }

    with httpx.Client() as client, tempfile.TemporaryDirectory() as folder:
        start = stopwatch()
        for i in range(count):
            client.post(f"{address}/email", json=body(i)).raise_for_status()
        bare = count / (stopwatch() - start)
        sent = sqlite3.connect(f"{folder}/sent.sqlite")
        sent.execute("PRAGMA journal_mode=WAL")
        sent.execute("CREATE TABLE sent (id INTEGER PRIMARY KEY, html TEXT)")
        start = stopwatch()
        for i in range(count):
            made = body(i)
            made["HtmlBody"] = re.sub(r'href="(https?://[^"]+)"', partial(_tracked, i), made["HtmlBody"])
            made["TextBody"] = text.render(_values(i))
            client.post(f"{address}/email", json=made).raise_for_status()
            sent.execute("INSERT INTO sent VALUES (?, ?)", (i, made["HtmlBody"]))
            sent.commit()
        whole = count / (stopwatch() - start)
        sent.close()
        return bare, whole


_TEXT = """Dear {{ customer.first_name }} {{ customer.last_name }} of {{ customer.city }},
{% for product in products %}{{ product.title }}, {{ product.price }}: {{ product.url }}
{% endfor %}{{ store.name }}, {{ store.postal_address }}. Unsubscribe: {{ unsubscribe_url }}
"""


def _tracked(i: int, link: re.Match[str]) -> str:
    signature = hmac.digest(b"a key for benchmarks", f"{i}{link[1]}".encode(), hashlib.sha256).hex()
    return f'href="https://mail.example.com/c/{i}/{quote(link[1], safe="")}/{signature}"'


def _values(i: int) -> dict[str, Any]:
    products = [
        {
            "title": f"Teacup {n}",
            "price": 500 + 200 * n,
            "url": f"https://wren.example.com/products/p{n}",
            "image_url": f"https://wren.example.com/images/p{n}.png",
        }
        for n in range(6)
    ]
    return {
        "customer": {"first_name": f"Ada{i}", "last_name": "Lovelace", "city": "London"},
        "store": {"name": "Wren & Thistle", "postal_address": "1 Market Street"},
        "products": products,
        "unsubscribe_url": f"https://mail.example.com/u/{i}",
    }
