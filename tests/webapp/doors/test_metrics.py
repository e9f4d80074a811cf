from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text

from automation.app import App

TOKEN = "a-token-of-enough-letters"


@pytest.fixture
def shops(shops: App) -> App:
    """The installation, with a monitor's token."""
    settings = shops.settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    object.__setattr__(shops, "settings", settings)
    return shops


def test_figures_are_for_who_brings_the_token(web: FlaskClient) -> None:
    answer = web.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'cartwheel_messages{state="ready"} 0' in answer.text
    for wrong in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer "):
        refused = web.get("/metrics", headers={"Authorization": wrong})
        assert (refused.status_code, "cartwheel_" in refused.text) == (401, False)


def test_without_a_token_there_is_no_such_page(web: FlaskClient, shops: App) -> None:
    object.__setattr__(shops, "settings", shops.settings.model_copy(update={"metrics_token": None}))
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        assert web.get("/metrics", headers=headers).status_code == 404


def test_a_database_that_does_not_answer_is_503(web: FlaskClient, app: App) -> None:
    with app.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE leases RENAME TO elsewhere"))
    try:
        assert web.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 503
    finally:
        with app.db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO leases"))
