"""PostgreSQL: the ledger, and everything that is derived from it. One module per need, one door to the server."""
