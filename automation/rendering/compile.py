"""Compiles a mail once per version: MJML to HTML, links to filters, HTML to text, with Jinja hidden meanwhile.

It runs in a child that may be killed: the MJML compiler overflows its stack on deep nesting.
"""

from __future__ import annotations

import re

import mjml

from automation.errors import TemplateBroken
from automation.rendering import lint, syntax
from automation.rendering.documents import Links, add_pixel, images_without_alt, inline_styles, take_inline_styles
from automation.rendering.includes import MAX_SOURCE, resolve
from automation.rendering.mail import Compiled, MailSource
from automation.rendering.masking import Masked, Token, mask
from automation.rendering.text import text_of

MAX_HTML = 102_000
"""Gmail cuts a mail off behind 102 KB."""
_PREVIEW = re.compile(r"<mj-preview\b[^>]*>(.*?)</mj-preview>", re.DOTALL)
_POSITION = re.compile(r"position (\d+)|:(\d+)\.\.(\d+)")


def _no_files(path: str) -> str:
    raise ValueError(f"“{path}” cannot be included")


def _to_html(masked: Masked) -> str:
    source, css = take_inline_styles(masked.text)
    try:
        document = mjml.mjml2html(source, fonts={}, include_loader=_no_files)
    except (ValueError, OSError) as error:
        raise TemplateBroken(f"The MJML cannot be read: {error}", part="body", line=_line(error, masked)) from error
    document = masked.in_tag(document)
    lost = masked.lost(document)
    if lost:
        raise _lost(lost[0])
    return inline_styles(document, css)


def _line(error: Exception, masked: Masked) -> int | None:
    found = _POSITION.search(str(error))
    return masked.line(int(found[1] or found[2])) if found else None


def _lost(token: Token) -> TemplateBroken:
    tag = " ".join(token.source.split())[:80]
    reason = (
        "between the attributes of an MJML element" if token.is_in_tag else "in an attribute that needs a literal value"
    )
    return TemplateBroken(f"{tag} has no effect where it stands: probably {reason}.", part="body", line=token.line)


def _check_size(source: MailSource, resolved: str) -> None:
    for part, text in (("subject", source.subject), ("body", resolved), ("text", source.text or "")):
        if len(text.encode()) > MAX_SOURCE:
            raise TemplateBroken(f"The {part} is longer than {MAX_SOURCE // 1024} KB.", part=part)


def _warnings(html: str, links: Links) -> tuple[str, ...]:
    found = []
    if len(html.encode()) > MAX_HTML:
        found.append(f"The mail has {len(html.encode()) // 1024} KB; Gmail cuts it off behind 102 KB.")
    if "unsubscribe_url" not in html:
        found.append("There is no unsubscribe link: {{ unsubscribe_url }} is missing.")
    if "postal_address" not in html:
        found.append("The sender's postal address is missing: {{ store.postal_address }}.")
    count = images_without_alt(html)
    if count:
        found.append(f"{count} image{'s have' if count > 1 else ' has'} no alternative text.")
    found += [f"The link “{url}” does not begin with https:// and leads nowhere." for url in links.relative]
    return tuple(found)


def compile_mail(source: MailSource) -> Compiled:
    """Compile a mail.

    Raises TemplateBroken, with part and line, for what is not MJML, not Jinja or not allowed, and for a Jinja tag
    that would be lost.
    """
    resolved = resolve(source.mjml, source.includes)
    _check_size(source, resolved)
    subject = source.subject.strip()
    names = syntax.check(subject, "subject") | syntax.check(source.text or "", "text")
    masked = mask(resolved)
    syntax.check(masked.jinja, "body")
    lint.check(masked)
    document = _to_html(masked)
    links = Links(masked)
    document = links.rewrite(document)
    html = masked.prefix + masked.restore(add_pixel(document))
    text = source.text if source.text is not None else masked.prefix + masked.restore(text_of(document, masked))
    names |= syntax.check(html, "body", is_compiled=True) | syntax.check(text, "text", is_compiled=True)
    preview = _PREVIEW.search(masked.text)
    return Compiled(
        subject=subject,
        mjml=resolved,
        html=html,
        text=text,
        preheader=masked.restore(" ".join(preview[1].split())) if preview else "",
        links=tuple(links.found),
        names=tuple(sorted(names)),
        warnings=_warnings(html, links),
    )
