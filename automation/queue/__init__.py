"""What makes the belt move: APScheduler as a metronome."""
