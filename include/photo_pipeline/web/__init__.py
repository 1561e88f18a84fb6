"""What the two web applications share: tokens, the way in for a photo, problems, headers, metrics."""
