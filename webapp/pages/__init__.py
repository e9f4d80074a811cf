"""Windows: one blueprint per screen, for admins who are logged in."""
