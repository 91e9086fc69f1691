"""The errors of the stand-in."""


class Error(Exception):
    """What the real module's errors derive from."""


class AuthorizationError(Error):
    """Signing in did not go through."""
