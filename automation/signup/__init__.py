"""Signing up: a form is defined, filled in, and confirmed by the link of a mail.

definition   what a form asks and says, and when it pops up
submitting   somebody filled one in: nothing is true yet, and a mail asks them
confirming   they pressed the button of the page that the mail led to
"""
