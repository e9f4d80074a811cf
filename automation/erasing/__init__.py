"""Access to and erasure of one person across every table, as the law has it."""
