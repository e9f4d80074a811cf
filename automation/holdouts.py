"""Who is held out of mails, so that the others can be compared with them: which lots are drawn, and what is said."""

from __future__ import annotations

from automation.arbiter import CAPPED
from automation.versions import Version

HELD_BY_CAMPAIGN = "held out of the campaign, for comparison"
HELD_BY_STORE = "held out of the store's mails, for comparison"


def campaign_lot(campaign_id: int) -> str:
    """The lot that a campaign's holdout is drawn from."""
    return f"campaign {campaign_id}, holdout"


def store_lot(store_id: int) -> str:
    """The lot that a store's holdout is drawn from."""
    return f"store {store_id}, holdout"


def lots(version: Version) -> list[tuple[str, float, str]]:
    """The lots that may hold a customer out: name, share, and what is said of those whom it holds out."""
    definition, policy = version.definition, version.policy
    lots = [(campaign_lot(version.campaign_id), definition.holdout_percent, HELD_BY_CAMPAIGN)]
    if definition.mail_class in CAPPED:
        # The same customers in every campaign, so that all of its mails together can be measured.
        lots.append((store_lot(version.store_id), policy.holdout_percent, HELD_BY_STORE))
    return [lot for lot in lots if lot[1] > 0]
