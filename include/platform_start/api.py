"""Airflow's REST API, asked until it answers: a busy start is slow, and one slow answer is no reason to give up."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from platform_start.account import AirflowAccount
from platform_start.errors import SetupFailedError

REQUEST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds.

    Attributes:
        answer: Until a request is answered at all, or by something else than an error of the server's.
        dags: Until Airflow has read every DAG file.
        run: Until ``platform_setup`` has done what uploads need.
        poll: Between two looks.
    """

    answer: float = 120.0
    dags: float = 90.0
    run: float = 300.0
    poll: float = 0.5

    def polls(self, seconds: float) -> Iterator[None]:
        """Go round at least once, and again and again until that many seconds have passed."""
        deadline = time.monotonic() + seconds
        yield
        while time.monotonic() < deadline:
            time.sleep(self.poll)
            yield


def airflow_client(account: AirflowAccount) -> httpx.Client:
    """Return a client of Airflow's API; it is not logged in yet."""
    return httpx.Client(base_url=account.airflow_url, timeout=REQUEST_SECONDS)


class AirflowApi:
    """Requests that may be sent twice: a slow answer to the first may come after the second.

    Args:
        client: Speaks to Airflow's API.
        patience: How long to wait.
    """

    def __init__(self, client: httpx.Client, patience: Patience) -> None:
        self._client = client
        self._patience = patience

    def log_in(self, account: AirflowAccount) -> None:
        """Send the account's token with each request from now on."""
        body = {"username": account.airflow_user, "password": account.airflow_password}
        self._client.headers["Authorization"] = f"Bearer {self.call('POST', '/auth/token', json=body)['access_token']}"

    def ensure(self, method: str, path: str, **request: Any) -> None:
        """Have something made, or asked for; what is there already stays as it is."""
        answer = self._answer(method, path, **request)
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """Return the answer's JSON.

        Raises:
            SetupFailedError: Nothing but errors of the server's came in time.
            httpx.HTTPStatusError: The request was refused.
        """
        answer = self._answer(method, path, **request)
        answer.raise_for_status()
        return answer.json()

    def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        reason = ""
        for _ in self._patience.polls(self._patience.answer):
            try:
                answer = self._client.request(method, path, **request)
            except httpx.TransportError as error:
                reason = repr(error)
                continue
            if not answer.is_server_error and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return answer
            reason = f"{answer.status_code} {answer.reason_phrase}"
        raise SetupFailedError(f"Airflow does not answer {method} {path} after {self._patience.answer:.0f} s: {reason}")
