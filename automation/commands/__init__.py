"""What `cartwheel …` can do, a few commands a file; each prints plain sentences and raises SetupError for a bad start."""
