"""What viewers and programs send, made into samples by `sensors.given`, or refused by the page's reasons."""

from page.access.refusals import Refused
from sensors.given import EmptyError, Given, GivenError, read_given


class NothingTold(Exception):
    """Nothing can be told from what was sent; the message says why, for people.

    Attributes:
        reason: `empty`, `small`, `silent`, `short` or `no_card`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_upload(data: bytes, kind: str, known: tuple[str, ...], sense: str | None, prepare: str, cut: str) -> Given:
    """What was sent, as samples; arguments as of `read_given`.

    Raises:
        Refused: it is no sample, or too large.
        NothingTold: it is one, and shows or sounds nothing.
    """
    try:
        return read_given(data, kind, known, sense, prepare, cut)
    except EmptyError as error:
        raise NothingTold(error.reason, str(error)) from None
    except GivenError as error:
        raise Refused(error.reason, str(error)) from None
