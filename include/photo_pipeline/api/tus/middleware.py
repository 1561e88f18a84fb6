"""``Tus-Resumable`` on every answer below the uploads' address, errors of every kind included."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photo_pipeline.api.tus.protocol import VERSION, Header


class TusVersion:
    """Says which version of the protocol was spoken."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[Header.RESUMABLE] = VERSION
            await send(message)

        await self._app(scope, receive, send_marked)
