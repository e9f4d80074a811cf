"""The subjects of mails in a list: rendered from what is stored, since neither subjects nor bodies are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from automation.app import App
from automation.rendering.mail import Compiled, Rendered
from webapp.queries.mailbox import MailRow


def subjects(app: App, rows: Sequence[MailRow]) -> dict[int, str]:
    """By message id; the mail's name where its variables are gone. One rendering call per template version."""
    found = {row.id: row.mail for row in rows}
    groups: dict[int, list[MailRow]] = defaultdict(list)
    for row in rows:
        if row.variables and isinstance(row.variables.get("values"), dict):
            groups[row.template_version_id].append(row)
    for version_id, group in groups.items():
        bare = Compiled(subject=group[0].subject, mjml="", html="", text="", preheader="", links=(), names=())
        contexts = [(row.variables or {})["values"] for row in group]
        for row, mail in zip(group, app.renderer.render(f"subject {version_id}", bare, contexts), strict=True):
            if isinstance(mail, Rendered) and mail.subject.strip():
                found[row.id] = mail.subject
    return found
