"""The services that carry our mails, one file each."""
