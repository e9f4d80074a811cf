"""What the template editor can put into a mail: one kind per file."""
