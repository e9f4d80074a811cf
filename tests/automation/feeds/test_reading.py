"""What feeds say: every format, careless ones, and hostile ones."""

from __future__ import annotations

import html
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.errors import Unreadable
from automation.feeds.cleaning import clean, plain
from automation.feeds.dates import instant_of
from automation.feeds.reading import read
from tests.automation.feeds.serving import item, rss

URL = "https://blog.example.com/dir/feed.xml"
COLLECTION = Path(__file__).parents[4] / "shared" / "facts" / "payloads" / "feeds"
AT = datetime(2026, 3, 9, 8, 15, tzinfo=UTC)


def test_rss_with_all_that_programs_write_into_it() -> None:
    text = rss(
        item(
            "1",
            title="Tea &amp;amp; cake",
            description="&lt;p&gt;Short &lt;b&gt;words&lt;/b&gt;&lt;/p&gt;",
            **{
                "content:encoded": '<![CDATA[<p style="x">Long&nbsp;words <img src="/i.png" onerror="x()"></p>]]>',
                "dc:creator": "Mabel",
                "category": "News",
            },
        ),
        ttl="90",
    )
    document = read(text.encode(), URL)
    found = document.items[0]
    assert (document.title, document.link, document.ttl and document.ttl.seconds) == (
        "Journal",
        "https://wren.example.com/",
        5400,
    )
    assert (found.guid, found.link, found.title) == ("g-1", "https://wren.example.com/journal/1", "Tea & cake")
    assert (found.summary, found.author, found.categories) == ("Short words", "Mabel", ("News",))
    assert found.html == '<p>Long&nbsp;words <img src="https://blog.example.com/i.png"></p>'
    assert (found.image_url, found.published_at) == ("https://blog.example.com/i.png", AT)


def test_old_rss_with_its_document_type_and_items_beside_the_channel() -> None:
    rdf = """<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN"
    "http://my.netscape.com/publish/formats/rss-0.91.dtd">
    <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:d="http://purl.org/dc/elements/1.1/"><channel><title>Old &eacute; &nbsp; R &amp; D</title></channel>
    <item rdf:about="https://x.example/1"><title>One</title><link>https://x.example/1</link>
    <d:date>2026-03-09T09:15:00+01:00</d:date></item></rdf:RDF>"""
    document = read(rdf.encode(), URL)
    assert document.title == "Old é R & D"
    assert (document.items[0].guid, document.items[0].published_at) == ("https://x.example/1", AT)


def test_atom_with_relative_addresses_and_xhtml() -> None:
    atom = """<a:feed xmlns:a="http://www.w3.org/2005/Atom" xml:base="/blog/">
    <a:title type="html">The &lt;b&gt;blog</a:title>
    <a:link href="."/><a:entry xml:base="2026/"><a:id>tag:x,1</a:id><a:title>1 &lt; 2</a:title>
    <a:link rel="self" href="self"/><a:link rel="alternate" type="text/html" href="one"/>
    <a:link rel="enclosure" type="image/png" href="one.png"/><a:author><a:name>Ada</a:name></a:author>
    <a:published>2026-03-09T08:15:00Z</a:published><a:updated>2026-03-10T08:15:00Z</a:updated>
    <a:content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">A <em>word</em><br/>
    <a href="../x?a=1&amp;b=2">x</a></div></a:content></a:entry></a:feed>"""
    document = read(atom.encode(), URL)
    found = document.items[0]
    assert (document.title, document.link) == ("The blog", "https://blog.example.com/blog/")
    assert (found.title, found.link, found.author) == ("1 < 2", "https://blog.example.com/blog/2026/one", "Ada")
    assert found.html == 'A <em>word</em><br>\n    <a href="https://blog.example.com/blog/x?a=1&amp;b=2">x</a>'
    assert (found.image_url, found.published_at) == ("https://blog.example.com/blog/2026/one.png", AT)


def test_json_feed() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "J",
        "home_page_url": "/",
        "items": [
            {
                "id": 7,
                "url": "/a",
                "content_html": "<p>Hi</p><script>x</script>",
                "image": "a.png",
                "tags": ["x", 1],
                "authors": [{"name": "Ada"}],
                "date_published": "2026-03-09T09:15:00+01:00",
            },
            {"id": "8", "content_text": "1 < 2 & so on", "title": "T"},
            "rubbish",
        ],
    }
    document = read(orjson.dumps(feed), URL)
    first, second = document.items
    assert (first.guid, first.link, first.html) == ("7", "https://blog.example.com/a", "<p>Hi</p>")
    assert (first.image_url, first.author, first.categories) == ("https://blog.example.com/dir/a.png", "Ada", ("x",))
    assert first.published_at == AT
    assert (second.summary, second.html) == ("1 < 2 & so on", "1 &lt; 2 &amp; so on")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"hello", "not a feed"),
        (
            b"<!doctype html><link type='application/rss+xml' href='/f?a=1&amp;b=2'>",
            "https://blog.example.com/f\\?a=1&b=2",
        ),
        (b"<html></html>", "web page"),
        (b"<svg/>", "its root is <svg>"),
        (b"<rss><channel>", "not well-formed"),
        (b"{}", "no version"),
        (b"{", "not valid JSON"),
        (b'<!DOCTYPE rss [<!ENTITY a "b">]><rss>&a;</rss>', "document type"),
        (b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss>&x;</rss>', "document type"),
        (b'<!DOCTYPE rss [<!ENTITY % p SYSTEM "http://127.0.0.1/x.dtd"> %p;]><rss/>', "document type"),
        (b"<rss>" + b"<a>" * 500, "nested too deeply"),
        (b"<rss><channel>" + b"<a/>" * 50_001 + b"</channel></rss>", "too many elements"),
    ],
    ids=range(13),
)
def test_what_is_no_feed_is_told_for_what_it_is(body: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(body, URL)


def test_careless_xml_is_read_all_the_same() -> None:
    text = "\n <rss><channel><title>R & D \x0b&hellip;</title>"
    text += "<item><media:title>No prefix</media:title></item></channel></rss>"
    document = read(text.encode(), URL)
    assert (document.title, document.items[0].title) == ("R & D …", "No prefix")


@pytest.mark.parametrize(
    ("declared", "charset", "codec"),
    [
        ("windows-1251", "", "cp1251"),
        ("", "koi8-r", "koi8-r"),
        ("utf-8", "", "utf-8-sig"),
        ("utf-16", "", "utf-16"),
        ("utf-8", "", "cp1251"),
        ("unicode_escape", "", "utf-8"),
        ("", "punycode", "utf-8"),
    ],
)
def test_encodings(declared: str, charset: str, codec: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    title = read(f"{head}<rss><channel><title>Чай</title></channel></rss>".encode(codec), URL, charset).title
    # What is not in the encoding it claims comes out as letters, if not as the right ones.
    assert title == ("Чай" if (declared, codec) != ("utf-8", "cp1251") else "×àé")


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 09 Mar 2026 08:15:00 GMT",
        "Mon, 9 Mar 26 08:15 UT",
        "09 Mar 2026 09:15:00 +0100",
        "Mon, 09 Mar 2026 04:15:00 EDT",
        "2026-03-09T08:15:00Z",
        "2026-03-09T09:15:00+01:00",
        "2026-03-09T09:15:00+0100",
        "2026-03-09 08:15:00",
        "2026-03-09T08:15",
        "20260309T081500Z",
        "2026-03-09T08:15:00.123456789Z",
        "2026/03/09 08:15:00",
        "Monday, March 9, 2026 8:15 AM",
        "March 9th, 2026 at 08:15",
        "Mon, 09 March 2026 08:15:00 GMT",
        "Mon, 09 Mar 2026 09:15:00 CET",
        "Mon, 09 Mar 2026 13:45:00 IST",
        "9-Mar-2026 08:15:00",
        "Mon, 09 Mar 2026 08:15:00 GMT+00:00",
        "  Mon,  09 Mar\n2026 08:15:00 +0000 (UTC) ",
    ],
)
def test_dates_of_all_kinds_mean_the_same(text: str) -> None:
    found = instant_of(text)
    assert found is not None
    assert found.replace(microsecond=0) == AT


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0000-00-00 00:00:00", "1970-01-01T00:00:00Z", "Mon, 99 Mar 2026", "2026", "9999-12-31"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert instant_of(text) is None


def test_midnight_and_dates_without_an_hour() -> None:
    day = datetime(2026, 3, 10, tzinfo=UTC)
    assert instant_of("Mon, 09 Mar 2026 24:00:00 GMT") == instant_of("2026-03-10") == instant_of("10 Mar 2026") == day


def test_a_base_that_is_no_address_is_passed_over() -> None:
    entry = '<entry><id>1</id><link href="one"/></entry>'
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://[x">{entry}</feed>'
    assert read(feed.encode(), URL).items[0].link == "https://blog.example.com/dir/one"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_no_text_upsets_the_reader_of_dates(text: str) -> None:
    assert instant_of(text) is None or instant_of(text).tzinfo is not None  # type: ignore[union-attr]  # just looked


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=300)
    | st.text(alphabet="<>/&;\"' arsitemlnk![]CDAT-?=xh", max_size=200).map(lambda t: b"<rss>" + t.encode())
)
def test_no_bytes_upset_the_reader(body: bytes) -> None:
    with suppress(Unreadable):
        read(body, URL)


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<svg onload=alert(1)>",
        "<a href=' java\nscript:alert(1)'>x</a>",
        "<img src='data:text/html,x'>",
        "<style>*{}</style>",
        "<iframe src=//x.example></iframe>",
        "<form action=//x.example><input>",
        "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
        "<p style='background:url(x)'>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<base href=//x.example>",
        "<meta http-equiv=refresh>",
        "{{ customer.email }}<object data=x>",
        "<a href='//user@x'>",
        "<img width=1 height=1 src='https://t.example/p.gif'>",
    ],
)
def test_nothing_that_acts_comes_through(evil: str) -> None:
    made = clean(f"<p>ok</p>{evil}", URL).lower()
    for word in (
        "script",
        "onerror",
        "onload",
        "style",
        "data:",
        "<iframe",
        "<form",
        "<object",
        "<base",
        "<meta",
        "t.example",
    ):
        assert word not in made.replace(html.escape(evil.lower()), "")
    assert clean(made, URL) == made


def test_long_html_is_cut_and_stays_whole_and_deep_html_ends() -> None:
    made = clean("<p>" + "<b>word</b> and more words " * 2_000)
    assert len(made) < 20_100
    assert made.endswith("</p>")
    assert plain(clean("<div>" * 30_000 + "x")) == "x"
    assert plain("<p>one</p><p>two &amp; three</p>" + "x " * 400).startswith("one two & three x")


@pytest.mark.skipif(not COLLECTION.exists(), reason="the collected feeds are not beside the checkout")
def test_the_collected_feeds_are_read() -> None:
    counts = {}
    for path in sorted(COLLECTION.iterdir()):
        counts[path.name] = len(read(path.read_bytes(), URL).items)
    assert sum(counts.values()) >= 185
    assert all(counts.values()), counts
