"""One module per server, each behind a port."""
