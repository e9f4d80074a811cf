"""What can go wrong, named for what to do next.

    CartwheelError
    ├── SendError             what a provider's answer means for one message or batch
    │   ├── Refused           never send this message again
    │   ├── Later             try again after a while
    │   │   └── HeldBack      not even tried: an earlier mail of the batch showed that it would be in vain
    │   ├── Misconfigured     pause the connection and tell a person
    │   └── Unsure            the request left and no answer came: find out before sending again
    ├── DoorError             what came in from outside is turned away, and changes nothing
    │   ├── BadSignature      not signed by who it claims to be from (401)
    │   ├── Unreadable        not what the format says; tells what and where (400)
    │   ├── Unknown           nobody lives at this address (404)
    │   └── TooOften          more than the sender may ask; tells how long to wait (429)
    ├── TemplateBroken        a mail cannot be compiled or rendered; tells where
    ├── RuleBroken            a rule is not valid; tells which node
    ├── CampaignBroken        a campaign's definition is not valid; tells which part
    ├── NotAllowed            the action is not possible in this state; says why
    └── SetupError            the installation cannot start; says what to change

A docstring is its error's message where none is given.
"""

from __future__ import annotations

from datetime import timedelta


class CartwheelError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class SendError(CartwheelError):
    """The provider did not accept the message."""

    def __init__(self, message: str | None = None, *, code: str = "", suppress: bool = False) -> None:
        super().__init__(message)
        self.code = code
        """The provider's own error code, kept for the log."""
        self.suppress = suppress
        """True when the provider says that the address is on its suppression list."""


class Refused(SendError):
    """The provider will never accept this message."""


class Later(SendError):
    """The provider cannot take the message now."""

    def __init__(self, message: str | None = None, *, after: timedelta | None = None, code: str = "") -> None:
        super().__init__(message, code=code)
        self.after = after
        """How long the provider asked to wait; None leaves it to our back-off."""


class HeldBack(Later):
    """Not tried, because the provider did not take an earlier mail of the same batch."""


class Misconfigured(SendError):
    """The provider does not accept this connection's settings."""


class Unsure(SendError):
    """The request left, but no answer came."""


class DoorError(CartwheelError):
    """The request was turned away."""


class BadSignature(DoorError):
    """The signature is missing or does not match."""


class Unreadable(DoorError):
    """The body cannot be read."""


class Unknown(DoorError):
    """There is nothing here."""


class TooOften(DoorError):
    """Too many requests."""

    def __init__(self, message: str | None = None, *, after: timedelta) -> None:
        super().__init__(message)
        self.after = after
        """How long to wait before the next one."""


class TemplateBroken(CartwheelError):
    """The template cannot be rendered."""

    def __init__(
        self, message: str | None = None, *, part: str = "", line: int | None = None, is_poison: bool = False
    ) -> None:
        super().__init__(message)
        self.part = part
        """Which part of the mail: subject, body or text."""
        self.line = line
        """Line in the author's source, where it is known."""
        self.is_poison = is_poison
        """True where it was not even tried: the same template has killed too many render children before."""


class RuleBroken(CartwheelError):
    """The rule is not valid."""


class CampaignBroken(CartwheelError):
    """The campaign is not complete."""


class NotAllowed(CartwheelError):
    """This is not possible now."""


class SetupError(CartwheelError):
    """The installation cannot start."""
