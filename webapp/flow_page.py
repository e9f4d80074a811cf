"""One campaign's pages: what stands at the head of each, and the page with its flow."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask import session as cookie
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import campaigns as definitions
from automation import drafts, preflight
from automation.app import App
from automation.campaigns import Definition, walk
from automation.errors import RuleBroken
from automation.models import Segment
from automation.reasons import reason
from automation.rules import english, language
from webapp import inspector as inspecting
from webapp.auth import may
from webapp.navigation import the_store
from webapp.queries import flow
from webapp.queries.campaigns import CampaignDetail

ACTIONS: dict[str, tuple[str, ...]] = {
    "draft": ("publish", "archive"),
    "live": ("pause", "stop", "archive"),
    "paused": ("resume", "stop", "archive"),
    "stopping": ("pause", "archive"),
    "finished": ("publish", "archive"),
    "archived": (),
}
"""What can be done with a campaign in each state; a live or paused one can be published when it was changed."""


def with_capital(text: str) -> str:
    """The text with a capital at its beginning, and the rest as it is."""
    return text[:1].upper() + text[1:]


def sentence(error: Exception) -> str:
    """What went wrong, as a sentence of its own."""
    text = str(error)
    return with_capital(text if text.endswith(".") else f"{text}.")


def head(campaign: CampaignDetail, tab: str) -> dict[str, Any]:
    """What every page of one campaign shows."""
    possible = ACTIONS.get(campaign.state, ())
    if campaign.is_changed and campaign.state in ("live", "paused"):
        possible = ("publish", *possible)
    return {"campaign": campaign, "tab": tab, "actions": possible, "currency": the_store().currency}


def flow_page(
    app: App,
    session: Session,
    campaign: CampaignDetail,
    *,
    chosen: str = "",
    shown: inspecting.Inspector | None = None,
    spot: str = "",
) -> str:
    """The page with the flow; one part open in the inspector, or what can be put at a spot."""
    shows_live = request.args.get("shown") == "live" and campaign.live is not None
    definition = definitions.read(campaign.live if shows_live else campaign.draft)
    is_editable = may("edit") and not shows_live and campaign.state != "archived"
    part = inspecting.find(app, definition, chosen) if chosen and is_editable else None
    if part is not None and shown is None:
        shown = inspecting.show(part, inspecting.choices(app, session, campaign.store_id, definition))
    label, lines, problem = flow.trigger_words(app, definition.trigger)
    titles = dict(inspecting.mails(session, campaign.store_id))
    findings = _findings(app, session, campaign, definition) if not shows_live else []
    return render_template(
        "campaigns/one.html",
        definition=definition,
        shows_live=shows_live,
        is_editable=is_editable,
        chosen=chosen if part else "",
        inspector=shown,
        adding=adding(app, spot) if spot and is_editable else None,
        trigger={"label": label, "lines": lines, "problem": problem},
        cards=flow.cards(app, definition.flow, flow.step_figures(session, campaign.id)),
        titles={n.id: titles.get(n.settings.get("template", ""), "") for n in walk(definition.flow)},
        tones=inspecting.TONES,
        audience=_audience(session, campaign.store_id, definition),
        goes_out=_goal(definition),
        exits=flow.exits(session, campaign.id),
        findings=[one for one in findings if not (one.step_id and one.forbids)],
        flaws={one.step_id: one.words for one in findings if one.step_id and one.forbids},
        reach=drafts.reach(session, campaign.id) if is_editable else None,
        reason=reason,
        **head(campaign, "one"),
    )


def adding(app: App, spot: str) -> dict[str, Any]:
    """What can be put at a spot: every kind of step with its help, and what was copied."""
    kinds = [
        {
            "kind": kind,
            "label": step.label,
            "icon": step.icon,
            "tone": inspecting.TONES.get(kind, "green"),
            "help": (type(step).__doc__ or "").strip().partition("\n\n")[0],
        }
        for kind, step in app.steps.items()
    ]
    return {"spot": spot, "kinds": sorted(kinds, key=lambda one: one["label"]), "copied": "copied" in cookie}


def _findings(app: App, session: Session, campaign: CampaignDetail, definition: Definition) -> list[preflight.Finding]:
    """What stands in the way of publishing, or should be known before, where somebody is about to."""
    if campaign.state == "archived" or (campaign.state != "draft" and not campaign.is_changed):
        return []
    return preflight.findings(app, session, campaign.store_id, definition, app.clock())


def _goal(definition: Definition) -> str:
    goal = definition.goal
    if goal is None:
        return "None"
    said = goal.event or (english.sentence(language.read(goal.rule)) if goal.rule else "")
    return f"{with_capital(said)} within {goal.within_days:g} days"


def _audience(session: Session, store_id: int, definition: Definition) -> str:
    try:
        rule = language.read(definition.audience)
    except RuleBroken as error:
        return f"This rule cannot be read: {error}"
    if definition.audience is None:
        return "Everybody"
    segments = session.execute(select(Segment.id, Segment.name).where(Segment.store_id == store_id))
    return with_capital(english.sentence(rule, {row.id: row.name for row in segments}))


def step_names(app: App, session: Session, campaign: CampaignDetail) -> dict[str, str]:
    """What each step is called; those of the live version and of the draft."""
    titles = dict(inspecting.mails(session, campaign.store_id))
    names: dict[str, str] = {}
    for source in (campaign.draft, campaign.live):
        for node in walk(definitions.read(source).flow) if source is not None else ():
            card = flow.cards(app, [node], {})[0]
            title = titles.get(node.settings.get("template", ""))
            names[node.id] = f"Mail “{title}”" if title else card.sentence or card.label
    return names
