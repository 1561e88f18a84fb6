"""What the platform does, in terms of ports."""
