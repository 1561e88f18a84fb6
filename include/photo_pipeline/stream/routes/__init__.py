"""The application's routes."""
