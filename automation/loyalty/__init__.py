"""The loyalty programme: points, tiers, rewards, referrals.

programme   what a store sets
ledger      lines are added, never changed; accounts follow from them
earning     orders → points; refunds → points back
occasions   sign-ups, birthdays, reviews, other events → points
expiring    what is left of points when their time is over
tiers       rolling spend → tier, with grace
rewards     points → a code, or a note
referrals   friends, and signs that they are none
"""
