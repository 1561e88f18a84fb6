"""Settings of the stream application alone; what it shares with the upload API is in ``photo_pipeline.settings``."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from photo_pipeline.settings import MIB, Positive


class StreamSettings(BaseSettings):
    """Limits per connection, per customer and in all. Memory is bounded by these."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_STREAM_", frozen=True)

    window_frames: Positive = 8
    """Frames of one connection that may wait for their acknowledgement; beyond that the server stops reading."""
    window_bytes: Positive = 64 * MIB
    """The same in bytes: no frame is read while this many wait."""
    connections: Positive = 200
    """Long connections of one instance."""
    connections_per_customer: Positive = 20
    stall_seconds: float = 30.0
    """How long a request's body may pause before it is given up."""
    device_fresh_seconds: float = 30.0
    """How long an answer about a device holds, so how long a revoked one may go on at most."""
    device_ask_seconds: float = 1.0
    """How long a device that was never seen waits for the database."""
