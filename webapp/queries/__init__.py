"""Read models: what a screen shows, as small frozen rows, in a fixed number of statements.

Templates never see an ORM object, so nothing is loaded behind a page's back.
"""
