"""Which mail an order counts for."""
