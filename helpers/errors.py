"""What can go wrong, in words: every error ends in the advice that helps.

The first line says what happened and where, the last one what to do. No message holds a password.
"""

import re

from redis import exceptions as redis_errors


class HelpersError(Exception):
    """Base of the errors raised by this package.

    In a notebook it is shown as its message alone; elsewhere the ordinary traceback stays, with the
    original exception chained to it.
    """

    def _render_traceback_(self) -> list[str]:  # IPython's hook for an exception's own rendering
        return [f"{type(self).__name__}: {self}"]


class EmbeddedServerError(HelpersError):
    """The embedded server could not be started."""


class ConnectionFailedError(HelpersError, redis_errors.ConnectionError):
    """The server could not be reached, or ended the connection."""


class ConnectionTimeoutError(ConnectionFailedError, redis_errors.TimeoutError):
    """The server did not answer in time."""


class AuthenticationFailedError(ConnectionFailedError, redis_errors.AuthenticationError):
    """The server was reached and refused the user name or the password."""


class WriteError(ConnectionFailedError):
    """A write could not be brought to an end. Calling again is safe.

    Attributes:
        key: The Redis key of the history.
    """

    _said = "The write to {key!r} did not end: {reason}."

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(self._said.format(key=key, reason=reason.strip().rstrip(".")))


class WriteOutcomeUnknownError(WriteError, ConnectionTimeoutError):
    """A write was sent, and whether it was carried out can't be known."""

    _said = (
        "Whether the write to {key!r} was carried out is unknown: {reason}.\n"
        "Call it again with the same messages once the server answers: what was stored is not stored twice."
    )


class NotWrittenError(WriteError):
    """A write was never sent, because no connection could be had."""

    _said = (
        "Nothing was written to {key!r}: {reason}.\n"
        "Check that the server is running and can be reached, then call again."
    )


class NotAHistoryError(HelpersError, redis_errors.ResponseError):
    """The key of a history holds something else. It is left as it is.

    Attributes:
        key: The Redis key of the history.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"{key!r} holds something other than a chat history, which is a Redis list (WRONGTYPE).\n"
            "Choose another session_id or key_prefix; nothing was changed."
        )


class CorruptMessageError(HelpersError, ValueError):
    """A record of a history is not a message. Carries no content of the record.

    Attributes:
        key: The Redis key of the history.
        index: Place of the record in the conversation, 0 being the oldest stored one.
    """

    def __init__(self, key: str, index: int, reason: str) -> None:
        self.key = key
        self.index = index
        super().__init__(
            f"Record {index} of {key!r} is not a chat message: {reason}.\n"
            'Open the history with on_corrupt="skip" to read the rest, or remove the record.'
        )


# The server's or the socket's own words, and what helps. The first row that matches counts.
_ADVICE = [
    (
        r"without any password configured",
        "The server has no password: leave the password out.",
    ),
    (
        r"invalid username-password pair|WRONGPASS|invalid password",
        "Check user name and password. A rotated password has to be fetched again.",
    ),
    (
        r"Authentication required|NOAUTH|HELLO must be called with the client already authenticated",
        "This server wants a password: put it into the REDIS_URL environment variable, "
        "redis://:PASSWORD@HOST:PORT, or pass password=… from your platform's secret store.",
    ),
    (
        r"refused",
        "Nothing listens there: check the port, and that the server or the tunnel to it is running.",
    ),
    (
        r"reset by peer|Connection closed by server|EOF occurred",
        "If the server expects TLS, use rediss:// and its TLS port.",
    ),
    (
        r"WRONG_VERSION_NUMBER|record layer failure",
        "The server does not speak TLS on this port: use redis://, or its TLS port.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "The server's certificate was not accepted: pass ssl_ca_certs=FILE with the CA that signed it.",
    ),
    (
        r"Name or service not known|nodename nor servname|getaddrinfo|No address associated|name resolution",
        "No such host: check the spelling of the host name and your network.",
    ),
    (
        r"max number of clients",
        "Share one client between your histories, and shut down kernels that you no longer use.",
    ),
    (
        r"[Cc]luster mode is not enabled|cluster support disabled",
        "This is a single server: use redis:// or rediss:// without +cluster.",
    ),
    (
        r"[Tt]imed? ?out|did not answer",
        "If the address is private, run inside its network or open a tunnel to it; "
        "if the server has no TLS, use redis:// in place of rediss://.",
    ),
]
_FALLBACK_ADVICE = "Check the endpoint, or leave it blank to practise on the embedded server."


def connection_error(error: BaseException, where: str) -> ConnectionFailedError:
    """Turn what redis-py raised into an error that says where, why and what to do.

    Args:
        error: The original exception; its class decides which of this module's is returned.
        where: The endpoint as it may be shown, without a password.
    """
    reason = str(error).strip().rstrip(".") or type(error).__name__
    advice = next((text for pattern, text in _ADVICE if re.search(pattern, reason)), _FALLBACK_ADVICE)
    if isinstance(error, redis_errors.AuthenticationError):
        kind: type[ConnectionFailedError] = AuthenticationFailedError
    elif isinstance(error, (redis_errors.TimeoutError, TimeoutError)):
        kind = ConnectionTimeoutError
    else:
        kind = ConnectionFailedError
    return kind(f"Could not connect to {where}: {reason}.\n{advice}")
