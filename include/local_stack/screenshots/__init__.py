"""Takes the pictures in ``docs/pictures`` from a running platform: ``python -m local_stack.screenshots``."""
