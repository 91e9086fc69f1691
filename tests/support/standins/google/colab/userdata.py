"""Secrets, on the stand-in: ``COLAB_SECRET_NAME`` holds the value of NAME; ``COLAB_SECRET_FAILS`` names an error."""

import os

from google.colab import errors


class NotebookAccessError(Exception):
    """The notebook may not read the secret."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Notebook does not have access to secret {key}")


class SecretNotFoundError(errors.Error):  # type: ignore[misc]
    """There is no such secret."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Secret {key} does not exist.")


class TimeoutException(Exception):  # noqa: N818 - its name in Colab
    """The page did not answer."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Requesting secret {key} timed out. Secrets can only be fetched when running from the Colab UI."
        )


_FAILURES = {one.__name__: one for one in (NotebookAccessError, SecretNotFoundError, TimeoutException, RuntimeError)}


def get(key: str) -> str:
    """A secret's value."""
    if failure := os.environ.get("COLAB_SECRET_FAILS"):
        raise _FAILURES[failure](key)
    try:
        return os.environ[f"COLAB_SECRET_{key}"]
    except KeyError:
        raise SecretNotFoundError(key) from None
