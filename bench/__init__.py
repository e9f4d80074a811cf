"""What the hot paths cost: each file prints its figure; `make bench` runs them all."""
