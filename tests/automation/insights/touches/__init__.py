"""How customers came."""
