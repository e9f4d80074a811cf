"""Every provider against a server that really misbehaves: what becomes of the mails, and that nobody gets two."""
