"""What somebody may call themselves, and which passwords would be guessed first."""

import httpx
import pytest
from tests.support.web import Platform

pytestmark = pytest.mark.anyio


async def sign_up(client: httpx.AsyncClient, **changes: str) -> httpx.Response:
    """Sign up as Ada, changed."""
    ada = {"email": "ada@example.org", "password": "correct horse battery", "display_name": "Ada"}
    return await client.post("/customers", json={**ada, **changes})


@pytest.mark.parametrize(
    "password", ["password123", "PassWord123", "qwertyuiop", "1q2w3e4r5t", "iloveyou123", "1234567890"]
)
async def test_common_passwords_are_refused(platform: Platform, password: str) -> None:
    """By a list that needs no network, however their case is mixed."""
    async with platform.client() as client:
        answer = await sign_up(client, password=password)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:photo-pipeline:problem:weak_password")
        assert "guessed first" in answer.json()["detail"]
        assert (await sign_up(client, password=f"{password} but longer")).status_code == 201


@pytest.mark.parametrize(
    "name", ["\u200d", "\u200c\u200d", "\u3164", "\u2800\u2800", "\ufe0f", "\u00a0\u3000", "\u115f\u1160"]
)
async def test_names_that_nobody_sees_are_refused(platform: Platform, name: str) -> None:
    """Joiners, fillers, blanks and selectors are parts of names, and none alone. The same for devices."""
    async with platform.client() as client:
        assert (await sign_up(client, display_name=name)).status_code == 422
        assert (await sign_up(client, display_name=f"a{name}b".replace("\u00a0", ""))).status_code == 201
