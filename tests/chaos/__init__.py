"""Kills servers at random under load, then checks every receipt: ``python -m tests.chaos``.

Shares no code with the pipeline: it knows the contracts (HTTP, Kafka, the tables, the archive's tar files), and the
local stack, whose processes it kills.
"""
