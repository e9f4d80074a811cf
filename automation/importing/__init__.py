"""Taking in files: what they look like, what their columns mean, and their rows, batch by batch.

A file lies in the database in pieces, so that any worker can take it in and go on where another one died. Its rows
become the same changes that shops tell of, and go in by the same way: `intake.record()`.
"""
