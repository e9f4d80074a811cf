"""The belt's stages, one file and one function each: `stage(app, now, limit) -> rows moved`; 0 means rest.

None of them calls another. Each claims (transaction), acts (no transaction), records (transaction).
"""
