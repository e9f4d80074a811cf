"""The audit log in words."""

from __future__ import annotations

from automation.models import AuditEntry

KINDS = {
    "admin": "Team",
    "alert": "Alerts",
    "api_key": "API keys",
    "block": "Saved blocks",
    "brand": "Brand",
    "campaign": "Campaigns",
    "connection": "Connections",
    "consent": "Consent",
    "customer": "Customers",
    "data": "Exports",
    "feed": "Feeds",
    "feedback": "Feedback",
    "form": "Forms",
    "import": "Imports",
    "journey": "Journey map",
    "loyalty": "Loyalty",
    "message": "Mails",
    "notice": "Notices",
    "offer": "Offers",
    "persona": "Personas",
    "points": "Points",
    "policy": "Sending rules",
    "referral": "Referrals",
    "reward": "Rewards",
    "segment": "Segments",
    "sending": "Sending",
    "store": "Stores",
    "storefront": "Storefront",
    "suppression": "Suppressions",
    "template": "Templates",
    "test_mail": "Test mails",
    "values": "Customer value",
}
"""What an action's first word is about."""
_SAID = {
    "admin.logged_in": "logged in",
    "admin.invited": "invited somebody",
    "admin.role_changed": "changed what somebody may do",
    "admin.shut_out": "shut somebody out",
    "admin.let_in": "let somebody in again",
    "admin.link_made": "made a log-in link",
    "admin.password_changed": "changed a password",
    "admin.second_step_on": "switched the second step on",
    "admin.second_step_off": "switched a second step off",
    "admin.recovery_code_used": "logged in by a recovery code",
    "customer.erased": "erased a customer",
    "customer.accessed": "exported all that is known of a customer",
    "data.exported": "exported data",
    "sending.paused": "paused sending",
    "sending.resumed": "resumed sending",
    "policy.changed": "changed the sending rules",
    "store.changed": "changed the store's sender",
}


def told(entry: AuditEntry) -> str:
    """What was done, as the rest of a sentence that begins with who did it."""
    said = _SAID.get(entry.action)
    if said is None:
        kind, _, verb = entry.action.partition(".")
        said = f"{KINDS.get(kind, kind.replace('_', ' ')).lower()}: {verb.replace('_', ' ')}"
    detail = ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in entry.detail.items())
    return f"{said} ({detail})" if detail else said


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
