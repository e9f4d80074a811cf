"""The database's history, step by step; `cartwheel migrate` brings an installation up to date."""
