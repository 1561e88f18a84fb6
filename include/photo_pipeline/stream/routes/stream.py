"""Many frames over one long connection."""

from fastapi import APIRouter, WebSocket

from photo_pipeline.stream.conversation import Conversation
from photo_pipeline.stream.deps import authenticated, no_place, services_of
from photo_pipeline.stream.senders import SUBPROTOCOL
from photo_pipeline.stream.window import TooManyConnectionsError
from photo_pipeline.web.problems import ProblemError, respond

router = APIRouter()


@router.websocket("/stream")
async def stream(websocket: WebSocket) -> None:
    """Talk as ``photo_pipeline.stream.conversation`` says. Refusals are HTTP answers, before there is a connection."""
    services = await services_of(websocket)
    try:
        sender = await authenticated(websocket, services)
        with services.places.place(sender.customer_id, sender.device_id):
            offered = websocket.scope.get("subprotocols", [])
            await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            await Conversation(websocket, sender, services).run()
    except TooManyConnectionsError as error:
        await websocket.send_denial_response(respond(websocket.scope, no_place(error)))
    except ProblemError as problem:
        await websocket.send_denial_response(respond(websocket.scope, problem))
