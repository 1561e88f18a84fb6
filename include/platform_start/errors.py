"""What can go wrong with the last step of a start. The message is one line that says where to look."""


class SetupFailedError(Exception):
    """The DAG platform_setup did not succeed."""
