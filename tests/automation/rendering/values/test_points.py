from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.actions.loyalty import save_reward
from automation.app import App
from automation.loyalty import ledger
from automation.loyalty.ledger import Standing
from automation.models import LoyaltyAccount
from tests import make
from tests.automation.loyalty.test_ledger import line
from tests.automation.rendering.named import message, value
from tests.conftest import NOW

DAY = timedelta(days=1)
TIERS = [{"name": "Silver", "spend": 0, "perks": "Free delivery."}, {"name": "Gold", "spend": 50000}]


def test_a_mail_tells_the_balance_the_next_expiry_the_tier_and_the_rewards(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session, loyalty={"is_on": True, "tiers": TIERS})
        ada = make.customer(session, store)
        lines = [line(ada, 120, "a", expires_at=NOW + 10 * DAY), line(ada, 300, "b", expires_at=NOW + 90 * DAY)]
        ledger.add(session, lines, NOW)
        ledger.spend(session, [line(ada, -50, "c", kind="spend")], NOW)
        account = session.get_one(LoyaltyAccount, ada.id)
        account.tier, account.rank, account.spend = "Silver", 1, 8000
        for name, points, rank in (("Tea", 100, 0), ("Cup", 300, 1), ("Pot", 370, 2), ("Set", 400, 0)):
            save_reward(session, store.id, name=name, points=points, note="in your parcel", least_rank=rank, now=NOW)
        written = message(session, ada, "points")
    assert value(app, written, "points") == {
        "balance": 370,
        "expiring": 70,
        "expires_on": "2026-03-20",
        "tier": "Silver",
        "perks": "Free delivery.",
        "next_tier": "Gold",
        "to_next_tier": 42000,
        "rewards": [{"name": "Cup", "points": 300}, {"name": "Tea", "points": 100}],
        "next_reward": {"name": "Set", "points": 400, "missing": 30},
    }


def test_who_has_nothing_loses_nothing(app: App) -> None:
    with app.db.write() as session:
        written = message(session, make.customer(session, make.store(session)), "points")
    found = value(app, written, "points")
    assert (found["balance"], found["expiring"], found["expires_on"], found["rewards"]) == (0, 0, "", [])


given_lines = st.lists(
    st.tuples(st.integers(1, 100), st.none() | st.integers(1, 8), st.integers(0, 120)), min_size=1, max_size=8
)


@given(given_lines)
@settings(max_examples=200, deadline=None)
def test_what_is_told_to_be_lost_is_what_the_ledger_takes_away_then(lines: list[tuple[int, int | None, int]]) -> None:
    """Against the ledger's own rule, asked day by day as time passes."""
    given_points, spent = sum(points for points, _, _ in lines), sum(taken for _, _, taken in lines)
    balance = given_points - min(given_points, spent)

    def standing(day: int) -> Standing:
        alive = sum(points for points, until, _ in lines if until is None or until > day)
        return Standing(balance, alive, None)

    coming = sorted((NOW + until * DAY, points) for points, until, _ in lines if until is not None)
    found = ledger.next_loss(standing(0), coming, lambda at: at.date())
    losses = [(day, standing(day).overdue) for day in range(1, 9) if standing(day).overdue]
    assert found == (((NOW + losses[0][0] * DAY).date(), losses[0][1]) if losses else None)
