"""What schemathesis has to be told of this API: tus' media type is plain bytes."""

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
