"""Why a customer did, or did not, get a campaign's mails: every condition, rule, limit and decision with what it saw.

For any customer and any campaign, entered or not, live or a draft. Plain values, ready for a page; `lines` says them
for a terminal.
"""

from automation.explaining.answer import Check, Occasion, ToldMail, Way, Why
from automation.explaining.asking import why

__all__ = ["Check", "Occasion", "ToldMail", "Way", "Why", "why"]
