"""What one connection may cost the server, handed by the application to the protocol that reads it.

The protocol is made by uvicorn, which knows nothing of our settings; what an application's lifespan yields is the one
thing that it passes on (ASGI, "Lifespan State").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from photo_pipeline.settings import WebSettings
from photo_pipeline.web.buckets import Rate

HEAD_BYTES = 64 * 1024
State = dict[str, Any]
"""What a lifespan yields."""
_KEY = "photo_pipeline.server_limits"


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Limits of one connection, and of how many there are.

    Attributes:
        head_bytes: of a request's first line and headers.
        head_seconds: until they are complete, from the connection's beginning or the first byte after another request.
        connections: of one instance.
        answer_stall_seconds: how long a client may read nothing of its answer.
        unread: paths whose answer need not be read.
        small_frames: how many small WebSocket frames are read from a connection.
    """

    head_bytes: int = HEAD_BYTES
    head_seconds: float = 10.0
    connections: int = 1000
    answer_stall_seconds: float = 60.0
    unread: frozenset[str] = frozenset()
    small_frames: Rate = field(default_factory=lambda: Rate(400, 2000))

    @classmethod
    def of(cls, settings: WebSettings) -> Self:
        """As the operator sets them."""
        return cls(
            head_seconds=settings.head_seconds,
            connections=settings.connections,
            answer_stall_seconds=settings.answer_stall_seconds,
        )


def as_state(limits: ServerLimits) -> State:
    """What a lifespan yields to hand the limits over."""
    return {_KEY: limits}


def limits_in(state: Mapping[str, Any]) -> ServerLimits:
    """What a lifespan yielded; the defaults where the application says nothing."""
    found: ServerLimits = state.get(_KEY, ServerLimits())
    return found
