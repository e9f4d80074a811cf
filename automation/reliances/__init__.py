"""What a mail may rely on beyond its trigger, one file each. See `automation.reliance` for the contract."""
