"""A ledger with a long past, made in seconds, and what each statement of the product reads of it."""
