"""Blogs and other feeds: fetched politely and safely, each new item told once, as the event feed.item_published.

fetching (the network) → reading (bytes → items) → knowing (which of them are new) → news (the rows).
"""
