"""The crash campaign: workers are killed at every instruction that matters and at random, stopped past their leases,
and cut off from their database and their broker, and nothing may be lost or doubled. `python -m tests.crash`.

    world      the provider and the shop, in a process of their own: they keep the truth, and misbehave
    adapters   three provider kinds that speak to it, one of each class;  stall: a platform
    shop       the database: three stores, their customers, and ever more messages
    belt       a fourth store, on which the whole belt runs;  belt_audit: what became of everybody there
    worker     a child that delivers until it is killed;  broker: the same for Celery
    campaign   forks, kills, and drains;  violence: whatever else is done to workers;  databases: copies put back
    audit      expected, accepted by the provider, recorded: the three must agree
    report     what long runs found, slice by slice, added up
"""
