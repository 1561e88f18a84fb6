"""What the application's description says of the long connection, in words, and the messages on it."""

from photo_pipeline.stream.schemas import Acknowledgement, FeedEnd, Hello, Skipped

DESCRIPTION = """
Push images from a device or program: one per request, as a camera's feed without end, or over a WebSocket.

Each is acknowledged once Kafka has it, durably: the receipt says so, signed. Make a device and its token with the
upload API's `POST /api/v1/devices`. Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem details.

## `WS /api/v1/stream`

Open a WebSocket with the subprotocol `photo-stream.v1` and the token as `Authorization: Bearer`; a browser, which
cannot set headers, offers the token as a second subprotocol, `bearer.<token>`. A refusal is an HTTP answer, before the
connection is made.

1. The server sends a text message, `Hello`: how large a frame may be, and how many frames and bytes may wait for their
   answer. When that many wait, it stops reading until some are answered.
2. Send each image as one binary message. A text message before it may describe it: `{"filename": "door.jpg"}`.
3. The server answers each with a text message, `Acknowledgement`: `seq` says which binary message it is about, counted
   from 1, and it has either a `receipt` or an `error`. Answers may overtake each other. Keep an image until its receipt
   has come; where the error says `retry`, or the connection broke before the answer, send it again: the same image
   twice is the same photo.

The connection ends with code 1009 on a message larger than `max_frame_bytes`, 1008 on a text message that describes
nothing, 3000 when the session has ended or the device was revoked (within half a minute, also while nothing is sent),
1012 when the server restarts, and 1013 after a hundred frames in a row that came too early. A description that follows
another counts as a frame. Whoever sends pings or small pieces of messages much faster than frames may come is read no
faster than their limit.

## How fast

`Hello` and `GET /api/v1/sender` say how many frames and bytes per second a device may send, over all its connections
and requests. A frame beyond that is refused: over HTTP with 429 and `Retry-After`, otherwise with the error `too_fast`
and `retry_after`, in seconds. Send less often, and the same frame again after that time. A device may have four long
connections at a time, feeds included, and a customer twenty; one more is 429.
"""

MESSAGES = (Hello, Acknowledgement, Skipped, FeedEnd)
