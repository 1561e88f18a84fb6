"""What schemathesis has to be told of the applications, beyond their descriptions.

tus' media type is plain bytes, and bytes are sometimes a photo. ``PHOTO_SAMPLES`` names a file with what exists, by
operation and parameter: without it nearly every answer would be 404.
"""

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st

SAMPLES: dict[str, Any] = json.loads(Path(os.environ["PHOTO_SAMPLES"]).read_text())
PHOTO = b64decode(SAMPLES["photo"])
FEED = "multipart/x-mixed-replace"

schemathesis.serializer.alias(["application/offset+octet-stream", FEED], "application/octet-stream")
schemathesis.openapi.format("binary", st.just(PHOTO) | st.binary())


@schemathesis.hook
def before_load_schema(_context: object, schema: dict[str, Any]) -> None:
    """Give parameters and documents the values of what exists as examples."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            sample = SAMPLES["operations"].get(f"{method.upper()} {path}", {})
            for parameter in operation.get("parameters", []):
                if parameter["name"] in sample:
                    parameter["example"] = sample[parameter["name"]]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if "body" in sample:
                    content["example"] = sample["body"]


@schemathesis.hook
def before_call(_context: object, case: Any, _kwargs: dict[str, Any]) -> None:
    """Say what stands between a feed's parts."""
    if case.media_type == FEED:
        case.headers["Content-Type"] = f"{FEED}; boundary=frame"
