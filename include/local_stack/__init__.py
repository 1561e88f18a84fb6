"""Runs every server of the platform on this machine, for a demo, for development and for the test suite."""

from local_stack.endpoints import Endpoints
from local_stack.errors import StackError
from local_stack.settings import StackSettings, load_settings
from local_stack.stack import Stack

__all__ = ["Endpoints", "Stack", "StackError", "StackSettings", "load_settings"]
