"""Settings of the stream application alone; what it shares with the upload API is in ``photo_pipeline.settings``."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from photo_pipeline.settings import MIB, Positive

PositiveNumber = Annotated[float, Field(gt=0)]


class StreamSettings(BaseSettings):
    """Limits per connection, per device, per customer and in all. Memory is bounded by these.

    A customer who streams in person counts as one device. Every instance counts for itself.
    """

    model_config = SettingsConfigDict(env_prefix="PHOTO_STREAM_", frozen=True)

    window_frames: Positive = 8
    """Frames of one connection that may wait for their acknowledgement; beyond that the server stops reading."""
    window_bytes: Positive = 64 * MIB
    """The same in bytes: no frame is read while this many wait."""
    connections: Positive = 200
    """Long connections of one instance."""
    connections_per_customer: Positive = 20
    connections_per_device: Positive = 4
    frames_per_second: PositiveNumber = 100.0
    """Of one device, over all its connections and requests."""
    frames_burst: Positive = 500
    """So many frames may come at once after a pause."""
    bytes_per_second: Positive = 128 * MIB
    bytes_burst: Positive = 256 * MIB
    slow_downs: Positive = 100
    """Frames refused one after the other as too early, or as no good in a feed, after which a connection is ended."""
    stall_seconds: float = 30.0
    """How long a request's body may pause before it is given up."""
    feed_idle_seconds: float = 300.0
    """The same for a camera's feed, which may wait for something to move."""
    device_fresh_seconds: PositiveNumber = 15.0
    """How long an answer about a device holds. An open connection of a revoked one ends within 1.5 times this, plus
    ``device_ask_seconds``."""
    device_ask_seconds: float = 1.0
    """How long a device waits for the database."""
