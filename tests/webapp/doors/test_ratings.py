from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from automation import ratings
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, Event, Message, Rating
from automation.ratings import Scores
from tests.conftest import NOW
from tests.webapp.doors.mailed import Mail


def given_ratings(app: App) -> list[tuple[int, str, str]]:
    with app.db.read() as session:
        return [(r.score, r.comment, r.stage) for r in session.scalars(select(Rating).order_by(Rating.id))]


def said(app: App) -> list[tuple[int, str]]:
    with app.db.read() as session:
        rows = session.scalars(select(Event).where(Event.name == "rating.left").order_by(Event.id))
        return [(e.properties["score"], e.properties["group"]) for e in rows]


def test_opening_the_link_of_a_score_says_nothing(web: FlaskClient, app: App, mail: Mail) -> None:
    answer = web.get(f"/r/{mail.token}/9")
    assert answer.status_code == 200
    assert 'value="9" required checked' in answer.text
    assert web.head(f"/r/{mail.token}/0").status_code == 200
    assert (given_ratings(app), said(app)) == ([], [])


def test_the_button_says_the_score_and_the_words_and_both_can_change(web: FlaskClient, app: App, mail: Mail) -> None:
    answer = web.post(f"/r/{mail.token}", data={"score": "9", "comment": " <b>Lovely</b> "})
    assert "Your score: 9 of 10" in answer.text
    assert "&lt;b&gt;Lovely&lt;/b&gt;" in answer.text
    web.post(f"/r/{mail.token}", data={"score": "9"})
    assert (given_ratings(app), said(app)) == ([(9, "<b>Lovely</b>", "loyalty")], [(9, "promoter")])
    web.post(f"/r/{mail.token}", data={"score": "6", "comment": "Broke today."})
    assert given_ratings(app) == [(6, "Broke today.", "loyalty")]
    assert said(app) == [(9, "promoter"), (6, "detractor")]


@pytest.mark.parametrize("score", ["", "11", "-1", "9.5", "⁹", "nine", "9" * 40])
def test_what_is_no_score_is_refused_and_the_words_are_kept(web: FlaskClient, app: App, mail: Mail, score: str) -> None:
    answer = web.post(f"/r/{mail.token}", data={"score": score, "comment": "Why though"})
    assert answer.status_code == 422
    assert "Why though" in answer.text
    assert given_ratings(app) == []


def test_a_forged_link_leads_nowhere(web: FlaskClient, app: App, mail: Mail) -> None:
    forged = mail.token[:-1] + ("A" if mail.token[-1] != "A" else "B")
    assert web.get(f"/r/{forged}/9").status_code == 404
    assert web.post(f"/r/{forged}", data={"score": "9"}).status_code == 404
    assert web.get(f"/r/{mail.token}/11").status_code == 404
    assert given_ratings(app) == []


def test_two_months_later_it_is_too_late(web: FlaskClient, app: App, mail: Mail, clock: TurnableClock) -> None:
    clock.turn(timedelta(days=61))
    assert "too long ago" in web.get(f"/r/{mail.token}/9").text
    assert web.post(f"/r/{mail.token}", data={"score": "9"}).status_code == 422
    assert given_ratings(app) == []


def test_a_test_mail_and_an_erased_reader_say_nothing(web: FlaskClient, app: App, mail: Mail) -> None:
    with app.db.write() as session:
        session.get_one(Message, mail.id).is_test = True
    assert "test mail" in web.post(f"/r/{mail.token}", data={"score": "9"}).text
    with app.db.write() as session:
        session.get_one(Customer, mail.customer_id).erased_at = NOW
    assert web.get(f"/r/{mail.token}/9").status_code == 404
    assert given_ratings(app) == []


def test_whoever_presses_without_end_is_asked_to_wait(web: FlaskClient, mail: Mail) -> None:
    codes = {web.post(f"/r/{mail.token}", data={"score": str(n % 11)}).status_code for n in range(25)}
    assert codes == {200, 429}


@given(st.lists(st.integers(0, 10), max_size=60))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_net_promoter_score_is_promoters_less_detractors(scores: list[int]) -> None:
    groups = [ratings.group_of(score) for score in scores]
    found = Scores(groups.count("promoter"), groups.count("passive"), groups.count("detractor"))
    if not scores:
        assert found.net is None
    else:
        expected = 100 * (sum(s > 8 for s in scores) - sum(s < 7 for s in scores)) / len(scores)
        assert found.net == pytest.approx(expected)


def test_scores_are_counted_whole_by_stage_campaign_and_day(web: FlaskClient, app: App, mail: Mail) -> None:
    web.post(f"/r/{mail.token}", data={"score": "10"})
    with app.db.read() as session:
        store = session.scalar(select(func.min(Rating.store_id))) or 0
        since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)
        assert ratings.scores(session, store, since, until) == {"": Scores(1, 0, 0)}
        assert ratings.scores(session, store, since, until, "stage") == {"loyalty": Scores(1, 0, 0)}
        assert ratings.scores(session, store, since, until, "day") == {"2026-03-10": Scores(1, 0, 0)}
        assert ratings.scores(session, store, until, until) == {"": Scores(0, 0, 0)}


@pytest.mark.parametrize("path", ["/r/{}/9)", "/r/{}/", "/l/{}/x", "/i/ABC/x"])
def test_a_link_that_grew_a_bracket_shows_its_reader_no_admin_page(web: FlaskClient, mail: Mail, path: str) -> None:
    answer = web.get(path.format(mail.token))
    assert answer.status_code == 404
    assert "/doors.css" in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
