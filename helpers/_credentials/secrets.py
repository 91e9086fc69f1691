"""One way to a secret, whatever the platform keeps it in."""

import os
from getpass import getpass

from helpers._localization.messages import say
from helpers.environment import environment
from helpers.errors import SecretError


class Secret(str):
    """A secret as a text that can be handed on, and that shows itself as asterisks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'********'"


def secret(name: str) -> Secret:
    """Read a secret from Colab's secrets, else from the environment, else by asking, without showing it.

    ``connect(ENDPOINT, password=secret("REDIS_PASSWORD"))`` keeps a password out of the notebook.

    Args:
        name: The name of the secret, and of the environment variable.

    Returns:
        The secret as a `str` whose `repr` is asterisks, which is what a cell that ends in it shows.

    Raises:
        SecretError: Colab refuses it, there is none and nobody can be asked, or nothing was typed.
    """
    refusal: SecretError | None = None
    if environment().keeps_secrets:
        try:
            value = _from_colab(name)
        except SecretError as error:
            value, refusal = None, error
        if value:
            return Secret(value)
    if value := os.environ.get(name):
        return Secret(value)
    if refusal is not None:
        raise refusal
    return _asked(name)


def _from_colab(name: str) -> str | None:
    """What Colab keeps under a name, or None where it keeps nothing."""
    from google.colab import userdata

    try:
        return str(userdata.get(name))
    except Exception as error:
        # Which classes there are differs between Colab's releases, so their names decide.
        match type(error).__name__:
            case "SecretNotFoundError":
                return None
            case "NotebookAccessError":
                reason = "Colab does not let this notebook read it"
                advice = say(
                    "Open Secrets (the key on the left), switch on “Notebook access” for it, and run the cell again."
                )
            case "TimeoutException":
                reason = "Colab did not answer in time"
                advice = say(
                    "Secrets can be read only while the notebook is open in Colab: "
                    "keep the tab open and run the cell again."
                )
            case kind:
                reason = f"Colab failed with {kind}"
                advice = say("Run the cell again, or set the environment variable {name}.", name=name)
        raise SecretError(name, reason, advice) from error


def _asked(name: str) -> Secret:
    advice = say(
        "Set the environment variable {name}, or on Colab add it under Secrets (the key on the left).", name=name
    )
    try:
        typed = getpass(f"{name}: ")
    except (EOFError, RuntimeError, OSError) as error:  # nobody to ask: no terminal, or a run without a reader
        raise SecretError(name, "it is set nowhere, and there is nobody to ask", advice) from error
    if not typed:
        raise SecretError(name, "nothing was typed", advice)
    return Secret(typed)
