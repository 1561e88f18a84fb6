"""Erase: rows forget a photo, shards are written anew without it, documents follow, and a signed proof says so.

Killed at any instruction and run again under the same name, it comes to the same end.
"""

from photo_pipeline.use_cases.erase.documents import DocumentPorts, blank_documents
from photo_pipeline.use_cases.erase.prove import ProofPorts, prove_erasure
from photo_pipeline.use_cases.erase.rewrite import RewritePorts, RewriteSummary, begin_erasure, rewrite_shards

__all__ = [
    "DocumentPorts",
    "ProofPorts",
    "RewritePorts",
    "RewriteSummary",
    "begin_erasure",
    "blank_documents",
    "prove_erasure",
    "rewrite_shards",
]
