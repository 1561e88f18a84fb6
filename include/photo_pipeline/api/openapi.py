"""What the API's description says of it as a whole, and the documents that it takes as forms, too."""

from photo_pipeline.api.selection_schemas import ArchiveRequest

DESCRIPTION = """
Send photos in, follow them by their receipts, and look at them.

A photo is accepted once Kafka has acknowledged it: the receipt says so, signed. It is in the gallery some seconds later
and is kept for 168 hours. Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem details.
"""

BODIES = (ArchiveRequest,)
