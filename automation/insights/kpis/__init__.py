"""The key figures of a store: defined once, counted in two statements, for one period or several side by side."""
