"""Doors: one blueprint each, for shops, providers, recipients and machines. No log-in, no CSRF: each proves itself."""
