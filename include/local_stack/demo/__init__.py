"""Shows the whole platform at work on this machine: `python -m local_stack.demo`, after `make up`."""
