"""Pure rules and values: no server, no framework, no clock of its own."""
