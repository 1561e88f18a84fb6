"""The platform's metrics for Prometheus: a process of its own that asks Kafka and the ledger at times (ADR 0162)."""
