"""The kinds of triggers, one file each. See `automation.trigger` for the contract."""
