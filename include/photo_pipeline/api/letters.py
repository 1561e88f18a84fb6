"""What is written to customers. Nothing in it is anybody's to choose: no name, no browser, no place.

Whoever signs up may use another one's address, and a name that says "go to …"; this site must not carry that to them.
"""

from datetime import datetime
from urllib.parse import urlsplit

from photo_pipeline.domain.mail import Mail

RESET_PAGE = "/password"


class Letters:
    """Writes mails that say which site they are from.

    Args:
        public_url: where customers find the site, as its operator says; never what a request claims.
    """

    def __init__(self, public_url: str) -> None:
        self._url = public_url.rstrip("/")
        self._site = urlsplit(self._url).netloc

    def invitation(self, recipient: str, token: str, minutes: int, written_at: datetime) -> Mail:
        """To set another password. The token is behind the #, which no browser sends to anybody."""
        text = f"""Somebody, probably you, wants to set a new password for your account at
{self._url}

Open this link within {minutes} minutes and choose one:

{self._url}{RESET_PAGE}#token={token}

The link works once. After that you are logged out everywhere, and log in
with the new password.

If it was not you, do nothing: your password stays as it is, and whoever
asked does not see this mail. Do not pass the link on to anybody.
"""
        return Mail(recipient, f"Set a new password for {self._site}", text, written_at)

    def replaced(self, recipient: str, written_at: datetime) -> Mail:
        """That the password was replaced, for whom it was not."""
        text = f"""The password of your account at
{self._url}
was replaced just now, and other sessions of the account were ended.

If it was you, there is nothing to do.

If it was not you, somebody else knew your password or reads your mail.
Change the password of your mail account first. Then set a new one here:
{self._url}{RESET_PAGE}
and revoke devices that you do not know:
{self._url}/devices
"""
        return Mail(recipient, f"Your password for {self._site} was replaced", text, written_at)
