"""What `cartwheel …` can do, a few commands a file: plain sentences out, SetupError for a bad start."""
