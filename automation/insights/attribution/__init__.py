"""Which mail an order counts for: the last click within the store's window, explained and worked out again at will."""
