"""Retention: what is older than the promise goes, what is held stays, and it is on record what went when.

It begins with the clocks: while they differ, nothing is removed. Then shards whose time is nearly over are marked, by
the younger of two stamps of their age. What was marked an hour ago or longer, and has come due since the last run, is
claimed, saved where it is held, and removed; what nobody can need is swept away. Killed at any instruction and run
again, the same rows come out, and a run that wakes up late can do no harm.
"""

from photo_pipeline.use_cases.retention.run import run_retention
from photo_pipeline.use_cases.retention.run_values import RetentionPorts, RetentionSummary

__all__ = ["RetentionPorts", "RetentionSummary", "run_retention"]
