"""The crash campaign: workers are killed at every instruction that matters and at random, and nothing may be lost
or doubled. `python -m tests.crash --kills 1000`.

    world      the provider in a process of its own: it keeps the truth, and misbehaves
    adapters   three provider kinds that speak to it, one of each class
    shop       the database: three stores, their customers, and ever more messages
    worker     a child that delivers until it is killed
    campaign   forks, kills, and drains
    audit      expected, accepted by the provider, recorded: the three must agree
"""
