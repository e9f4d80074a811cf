"""What mails may name, one file each. See `automation.rendering.value` for the contract."""
