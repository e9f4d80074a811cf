"""What is worked out of what customers did, for people and for mails."""
