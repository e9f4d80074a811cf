"""Cartwheel's machine: everything that happens with nobody watching.

A shop, a form or a mail provider speaks → `webapp.doors` → `platform`/`provider` → `intake.record()`
  listen     inbound webhooks, verified → customers, carts, orders, events; what became of a mail
  summarise  orders, segments' rules    → rhythms, expected purchases, who came into a segment or left it
  settle     orders that changed        → codes redeemed, points, tiers, referrals
  issue      offers' codes              → in stock, given, free again, expired
  1 enrol    campaigns' triggers        → enrolments        (one INSERT … SELECT per campaign)
  2 advance  due enrolments             → next step; a mail step drafts a message
  3 decide   drafted messages           → ready | deferred until | dropped, always with a reason
  4 deliver  ready messages             → submitted → accepted | retry at | unknown | rejected
  5 attribute orders                    → conversions
Each stage reads rows in one state, leaves them in the next and calls no other stage: the tables are the belt.
"""
