"""What can go wrong, in words: every error ends in the advice that helps.

The first line says what happened and where, the last one what to do. No message holds a password.
"""

import copyreg
import re
from importlib.util import find_spec
from typing import Any

from redis import exceptions as redis_errors

from helpers._localization.messages import say, words

RIGHTS = "+ping +eval +exists +set +lpush +rpush +ltrim +expire +llen +lrange +pttl +del"
"""What an ACL user needs for histories."""
THREAD_RIGHTS = "+ping +eval +evalsha +exists +set +hget +hmget +hset +hdel +hgetall +expire +del +type +scan"
"""What an ACL user needs for agents' threads."""


class HelpersError(Exception):
    """Base of the errors raised by this package.

    In a notebook it is shown as its message alone; elsewhere the ordinary traceback stays, with the
    original exception chained to it.
    """

    def _render_traceback_(self) -> list[str]:  # IPython's hook for an exception's own rendering
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> Any:
        # An exception is pickled and copied by calling its class with its text, which is not what these take.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class MissingExtraError(HelpersError, ImportError):
    """A part of the kit is used that is not installed.

    Attributes:
        extra: The name of the extra that brings it.
        advice: How to install it.
    """

    def __init__(self, extra: str, module: str) -> None:
        self.extra = extra
        self.advice = say("Run: {command}", command=f'pip install "chat-history-tutorials[{extra}]"')
        super().__init__(f"This needs {module}, which is not installed.\n{self.advice}")


def require(extra: str, *modules: str) -> None:
    """See that what an extra brings is there, without loading it.

    Args:
        extra: The name of the extra.
        modules: Modules that it brings.

    Raises:
        MissingExtraError: One of the modules is missing.
    """
    for module in modules:
        try:
            found = find_spec(module)
        except ModuleNotFoundError:  # not even the package that it is in
            found = None
        if found is None:
            raise MissingExtraError(extra, module)


class ClassroomError(HelpersError):
    """A class's server, folder or students are not as a command needs them. Nothing was changed."""


class EmbeddedServerError(HelpersError):
    """The embedded server could not be started."""


class ConnectionFailedError(HelpersError, redis_errors.ConnectionError):
    """The server could not be reached, or ended the connection."""


class ConnectionTimeoutError(ConnectionFailedError, redis_errors.TimeoutError):
    """The server did not answer in time."""


class AuthenticationFailedError(ConnectionFailedError, redis_errors.AuthenticationError):
    """The server was reached and refused the user name or the password."""


class CertificateRefusedError(ConnectionFailedError):
    """The server could not prove who it is. Nothing was sent to it."""


class SignInError(HelpersError):
    """Google Cloud credentials, or the project to use them in, are missing."""


class SecretError(HelpersError):
    """A secret can't be had. The message names the secret and never its value.

    Attributes:
        name: The secret's name.
    """

    def __init__(self, name: str, reason: str, advice: str) -> None:
        self.name = name
        super().__init__(f"The secret {name!r} can't be read: {reason}.\n{advice}")


class InstanceNotReadyError(ConnectionFailedError):
    """A Memorystore instance is being created or deleted, so there is nothing to connect to.

    Attributes:
        name: The instance's full name.
        state: Its state, in the API's word.
    """

    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.state = state
        if state == "DELETING":
            advice = say("Create it again, or choose another one.")
        elif "/clusters/" in name:
            advice = say("Wait until it is ACTIVE: the console shows its state.")
        elif name.startswith("//memorystore."):
            advice = say("Wait until it is ACTIVE: create_instance waits for that, and list_instances shows its state.")
        else:
            advice = say("Wait until it is READY: create_instance waits for that, and list_instances shows its state.")
        super().__init__(f"{name} can't be connected to: its state is {state}.\n{advice}")


class InstanceGoneError(ConnectionFailedError):
    """A Memorystore instance was deleted, or recreated as something else, since its client was made.

    `connect` makes another client, if there is one of its name.
    """

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where} {what} since this client was made.\n" + say("Call connect again with its name."))


class ReaderRefusedError(HelpersError, redis_errors.ReadOnlyError):
    """A write was sent to a reader endpoint, whose servers are replicas: it would be refused again."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}\n" + say("This client only reads (reader=True): to write, connect without it."))


class BlockedCommandError(HelpersError, redis_errors.ResponseError):
    """Memorystore blocks the command, or its version does not know it."""

    def __init__(self, reason: str) -> None:
        # The server goes on to quote the arguments, which may hold a secret.
        reason = reason.partition(", with args")[0].strip().rstrip(".")
        super().__init__(f"The server refused a command: {reason}.\n{_advice(reason)}")


class NoAsyncClientError(HelpersError, ValueError):
    """No asyncio client is sure to reach the server just as the given client does. Nothing was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"There is no asyncio client that is sure to go where this client goes: {reason}.\n"
            + say("Pass your own, async_client=redis.asyncio.Redis(…), or call the methods that are not async.")
        )


class WriteError(ConnectionFailedError):
    """A write could not be brought to an end. Calling again is safe.

    Attributes:
        key: The Redis key of the history.
    """

    _said = "The write to {key!r} did not end: {reason}."
    _advice = words("Call it again once the server answers.")

    def __init__(self, key: str, reason: str, advice: str | None = None) -> None:
        self.key = key
        # Redis goes on to quote arguments, or to say where in a script it stopped.
        first_line = (
            re.split(r"\n|, with args| script: (\w+, )?on @", reason.strip())[0].rstrip(".") or "no reason was given"
        )
        super().__init__(self._said.format(key=key, reason=first_line) + "\n" + (advice or say(self._advice)))


class WriteOutcomeUnknownError(WriteError, ConnectionTimeoutError):
    """A write was sent, and whether it was carried out can't be known."""

    _said = "Whether the write to {key!r} was carried out is unknown: {reason}."
    _advice = words(
        "Call it again with the same messages once the server answers: those that were stored are not stored twice."
    )


class FurtherAttemptRefusedError(WriteOutcomeUnknownError, redis_errors.ResponseError):
    """A write was sent, its reply was lost, and a further attempt was refused."""


class NotWrittenError(WriteError):
    """Nothing was written: the write could not be sent whole, or the server refused it each time."""

    _said = "Nothing was written to {key!r}: {reason}."
    _advice = words("Check that the server is running and reachable, then call again.")


class WriteRefusedError(NotWrittenError, redis_errors.ResponseError):
    """The server refused a write. The classes below tell the usual reasons."""


class ReadReplicaError(WriteRefusedError, redis_errors.ReadOnlyError):
    """The server is a replica, and stayed one while the write was tried."""

    _advice = words("This is a read replica: use the primary endpoint, which accepts writes.")


class ServerFullError(WriteRefusedError, redis_errors.OutOfMemoryError):
    """The server's memory is full, and it may delete nothing by itself."""

    _advice = words(
        "The server's memory is full: delete sessions, limit your histories with ttl or "
        "max_messages, or give the server more memory."
    )


class MissingRightsError(WriteRefusedError, redis_errors.NoPermissionError):
    """The user may not do all that a write takes."""

    _advice = words("Histories need them: give this user {rights}.")


def write_error(key: str, error: Exception, *, unknown: bool, size: int) -> HelpersError | redis_errors.RedisError:
    """Turn what ended a write into an error that says what is known of it, and what to do.

    Args:
        key: The Redis key of the history.
        error: What the last attempt ended with.
        unknown: Whether an attempt may have been carried out.
        size: Of the records, in bytes.

    Returns:
        The error to raise; what is no refusal of the write itself as it is.
    """
    reason, refused = str(error).partition("\n")[0], isinstance(error, redis_errors.ResponseError)
    if unknown:
        advice = None if size else say(WriteError._advice)  # to clear takes no messages
        return (FurtherAttemptRefusedError if refused else WriteOutcomeUnknownError)(key, reason, advice)
    if isinstance(error, redis_errors.AuthenticationError):
        return connection_error(error, f"the server of {key!r}")
    if isinstance(
        error, (CertificateRefusedError, BlockedCommandError, redis_errors.DataError, redis_errors.MaxConnectionsError)
    ):
        return error
    if "WRONGTYPE" in reason:
        return NotAHistoryError(key)
    if "writing to socket" in reason:
        reason = f"{size / 1e6:.1f} MB could not be sent within socket_timeout ({reason})"
    if not refused:
        return NotWrittenError(key, reason, _advice(reason, NotWrittenError._advice))
    # By the words: in a script's error they are all that there is up to Redis 6, and of rights up to 7.
    for said, kind in (
        ("read only ", ReadReplicaError), ("maxmemory", ServerFullError), ("permission", MissingRightsError),
        ("can't run this command", MissingRightsError),
    ):  # fmt: skip
        if said in reason:
            return kind(key, reason, say(kind._advice, rights=RIGHTS))
    return WriteRefusedError(key, reason, _advice(reason, WriteRefusedError._advice))


class NotAHistoryError(HelpersError, redis_errors.ResponseError):
    """The key of a history holds something else. It is left as it is.

    Attributes:
        key: The Redis key of the history.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"{key!r} holds something other than a chat history, which is a Redis list (WRONGTYPE).\n"
            + say("Choose another session_id or key_prefix; nothing was changed.")
        )


class CorruptMessageError(HelpersError, ValueError):
    """A record of a history is not a message. Carries no content of the record.

    Attributes:
        key: The Redis key of the history.
        index: Place of the record in the session, 0 being the oldest stored one, whatever the history's `window`.
    """

    def __init__(self, key: str, index: int, reason: str) -> None:
        self.key = key
        self.index = index
        super().__init__(
            f"Record {index} of {key!r} is not a chat message: {reason}.\n"
            + say('Open the history with on_corrupt="skip" to read the rest, or remove the record.')
        )


class NotAThreadError(HelpersError, redis_errors.ResponseError):
    """The key of an agent's thread holds something else. It is left as it is.

    Attributes:
        key: The Redis key of the thread.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"{key!r} holds something other than an agent's thread, which is a Redis hash (WRONGTYPE).\n"
            + say("Choose another thread_id or key_prefix; nothing was changed.")
        )


class DamagedThreadError(HelpersError, ValueError):
    """What is stored of an agent's thread can't be read. Carries no content of it.

    Attributes:
        key: The Redis key of the thread.
        field: The field of the hash that is damaged.
    """

    def __init__(self, key: str, field: str, reason: str) -> None:
        self.key, self.field = key, field
        super().__init__(
            f"The field {field!r} of the thread {key!r} is damaged: {reason}.\n"
            + say(
                "Open the saver with the serde that wrote it, continue from an older checkpoint, or delete the thread."
            )
        )


class CheckpointNotFoundError(HelpersError, LookupError):
    """A run was to go on from a checkpoint that its thread does not have. Nothing was stored.

    Attributes:
        key: The Redis key of the thread.
        checkpoint_id: The checkpoint.
    """

    def __init__(self, key: str, checkpoint_id: str) -> None:
        self.key, self.checkpoint_id = key, checkpoint_id
        super().__init__(
            f"The thread {key!r} has no checkpoint {checkpoint_id!r} to go on from.\n"
            + say(
                "Choose one that agent.get_state_history(config) shows; the saver's keep argument says how "
                "many are kept."
            )
        )


class ThreadExistsError(HelpersError, ValueError):
    """A thread was to be copied to a name that is taken. Nothing was changed.

    Attributes:
        key: The Redis key that is taken.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"{key!r} exists already.\n" + say("Delete it first, or choose another name for the copy."))


class UnstorableStateError(HelpersError, TypeError, ValueError):
    """A value of a graph's state is none that the saver's serializer stores and gives back. Nothing was stored.

    Attributes:
        channel: The channel, or key of the state, that holds it.
    """

    def __init__(self, channel: str, kind: str, reason: str, refused: str = "") -> None:
        self.channel = channel
        module, _, name = (refused or kind).rpartition(".")
        advice = say(
            "Keep plain values in the state, or name the class to the saver: {argument}",
            argument=f"serde=JsonPlusSerializer(allowed_msgpack_modules=[({module!r}, {name!r})])",
        )
        super().__init__(f"{channel!r} holds a {kind.rpartition('.')[2]} that can't be stored: {reason}.\n{advice}")


_BLOCKED = words(
    "Memorystore blocks administrative commands (CONFIG, ACL, DEBUG and others): do without it. "
    "To change settings, use the console or gcloud."
)

# The server's or the socket's own words, and what helps. The first row that matches counts.
_ADVICE = {
    r"MISCONF": words(
        "The server can't save to its disk, so it refuses writes: free some space there, or fix its folder."
    ),
    r"loading the dataset": words("The server is loading its data: call again in a minute."),
    r"NOREPLICAS": words("The server accepts writes only while enough replicas follow it: call again once they do."),
    r"writing to socket": words(
        "If the connection is slow, give it more time: pass socket_timeout=60, in seconds, to "
        "connect or to your client."
    ),
    r"No master found": words(
        "Check the service name at the end of the address, and check that its Sentinels see a primary."
    ),
    r"without any password configured": words("The server has no password (AUTH is off): leave the password out."),
    r"invalid username-password pair|WRONGPASS|invalid password": words(
        "Check the user name and password. If the password or AUTH string was rotated, fetch it again."
    ),
    r"Authentication required|NOAUTH|HELLO must be called with the client already authenticated": words(
        "This server requires a password: put it in the REDIS_URL environment variable, "
        "redis://:PASSWORD@HOST:PORT, or pass password=… from your platform's secret store. On "
        "Memorystore, connect by the instance's name, which fetches the AUTH string or an access "
        "token."
    ),
    r"unknown command [`']HELLO": words(
        "The server is older than Redis 6 and speaks RESP2 only: use protocol=2, which is the default here."
    ),
    r"unknown command": _BLOCKED,
    r"refused": words(
        "Nothing is listening there: check the port, and check that the server or the tunnel to it is running."
    ),
    r"reset by peer|Connection closed by server|EOF occurred": words(
        "If the server expects TLS, use rediss:// and its TLS port (6378 on Memorystore for Redis)."
    ),
    r"WRONG_VERSION_NUMBER|record layer failure": words(
        "The server does not use TLS on this port: use redis://, or the server's TLS port (6378 on "
        "Memorystore for Redis)."
    ),
    r"IP address mismatch|Hostname mismatch": words(
        "This is another server's certificate, or you are at the end of a tunnel: verify against the "
        'instance\'s own address, as connect("projects/P/locations/R/instances/I", '
        'tunnel="127.0.0.1:6378") does.'
    ),
    r"not the one of this address": words(
        "Another server answered, or the server has a new certificate. Ask whoever runs it for the current address, "
        "which contains the certificate's SHA-256."
    ),
    r"CERTIFICATE_VERIFY_FAILED": words(
        "The server's certificate was not accepted: load every certificate in the instance's "
        "server_ca_certs, as connect does if you give it an instance's name, or pass "
        "ssl_ca_certs=FILE with the CA that signed it."
    ),
    r"Name or service not known|nodename nor servname|getaddrinfo|No address associated|name resolution": words(
        "No such host: check the spelling of the host name and your network."
    ),
    r"max number of clients": words(
        "Share one client between your histories, and shut down kernels that you no longer use."
    ),
    r"[Cc]luster mode is not enabled|cluster support disabled": words(
        "This is a single server: use redis:// or rediss:// without +cluster, or redis.Redis."
    ),
    r"[Tt]imed? ?out|did not answer": words(
        "If the address is private, run this inside its network or open a tunnel to it; if the "
        "server has no TLS, use redis:// instead of rediss://."
    ),
}
_FALLBACK_ADVICE = words("Check the endpoint, or leave it blank to practise on the embedded server.")


def _advice(reason: str, fallback: str = _FALLBACK_ADVICE) -> str:
    return say(next((text for pattern, text in _ADVICE.items() if re.search(pattern, reason)), fallback))


def connection_error(error: BaseException, where: str, advice: str | None = None) -> ConnectionFailedError:
    """Turn what redis-py raised into an error that says where, why and what to do.

    Args:
        error: The original exception; its class decides which of this module's is returned.
        where: The endpoint as it may be shown, without a password.
        advice: What to do; ``None`` chooses by the reason.

    Returns:
        The error, not raised yet; the original itself where it is one of these already.
    """
    if isinstance(error, ConnectionFailedError):
        return error
    reason = str(error).partition(", with args")[0].strip().rstrip(".") or type(error).__name__
    if isinstance(error, redis_errors.AuthenticationError):
        kind: type[ConnectionFailedError] = AuthenticationFailedError
    elif "CERTIFICATE_VERIFY_FAILED" in reason:
        kind = CertificateRefusedError
    elif isinstance(error, (redis_errors.TimeoutError, TimeoutError)):
        kind = ConnectionTimeoutError
    else:
        kind = ConnectionFailedError
    return kind(f"Could not connect to {where}: {reason}.\n{advice or _advice(reason)}")


class UnstorableMessageError(HelpersError, TypeError, ValueError):
    """What was to be added is no chat message, or holds what JSON can't. Nothing was sent."""
