"""The shops we understand, one file each."""
