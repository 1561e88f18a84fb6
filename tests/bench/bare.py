"""The least that a web application in Python can be: one Starlette route that has its answer in memory."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SIZE = "BENCH_BYTES"
"""Environment variable: how long the answer is."""


def create_app() -> Starlette:
    """``/bytes`` answers with that many bytes, ``/same`` with 304."""
    content = os.urandom(int(os.environ[SIZE]))

    async def whole(_: Request) -> Response:
        return Response(content, media_type="image/jpeg")

    async def same(_: Request) -> Response:
        return Response(status_code=304, headers={"ETag": '"a"'})

    return Starlette(routes=[Route("/bytes", whole), Route("/same", same)])
