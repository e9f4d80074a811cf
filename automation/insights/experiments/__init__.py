"""Experiments: what mails bring beyond what would have happened anyway, and which of several ways is the best."""
