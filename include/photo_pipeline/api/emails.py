"""One person, one address: the form in which an e-mail address is kept, looked up and counted."""

from unicodedata import normalize

from pydantic.networks import validate_email
from pydantic_core import PydanticCustomError

MAX_EMAIL_LENGTH = 320
"""Of what somebody types: a name and spaces may stand around an address of at most 254."""


def canonical_email(text: str) -> str:
    """The address without what does not tell people apart: spaces and a name around it, composition, case.

    What it returns is its own canonical form, so what was kept is found again whichever way it is typed.

    Raises:
        ValueError: when it is no address.
    """
    try:
        _, address = validate_email(text)
    except PydanticCustomError:
        raise ValueError("This is no e-mail address.") from None
    return normalize("NFC", address.lower())


def email_given(text: str) -> str:
    """The same for a log-in, where what is no address is nobody's, and is still to be counted."""
    try:
        return canonical_email(text)
    except ValueError:
        return text.strip().lower()
