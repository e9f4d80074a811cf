"""Home."""

from __future__ import annotations

from flask import Blueprint, render_template

from webapp.permissions import permission

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@permission("view")
def index() -> str:
    """The first page."""
    return render_template("home/index.html")
