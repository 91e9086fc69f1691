"""Signing in with access tokens of Google Cloud (IAM), as Redis Cluster and Valkey have it."""

import asyncio
import os
import re
import threading
from functools import cached_property, partial
from typing import Any, ClassVar

import redis
from google.auth.credentials import TokenState
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from redis.credentials import CredentialProvider, UsernamePasswordCredentialProvider

from helpers._connecting.clients import without_blocking
from helpers._credentials.authentication import application_default_credentials
from helpers._credentials.emulated import EmulatorCredentials
from helpers._credentials.secrets import Secret
from helpers._localization.messages import say, words
from helpers.errors import AuthenticationFailedError, HelpersError, SignInError, connection_error
from helpers.memorystore.access.connections import Access, certificate_refused
from helpers.memorystore.api.clients import CALL_SECONDS, emulator_host
from helpers.memorystore.api.names import ResourceName

_ROLE = words(
    "Ask the project's owner to give your account {role}, which allows connecting "
    "({permission}); it takes a minute to take effect."
)


class TokenUnavailableError(SignInError, AuthenticationFailedError):
    """No access token could be had for signing in."""


class AccessTokens(CredentialProvider):
    """Access tokens of the application default credentials, or the emulator's own, as redis-py sends them.

    A token is renewed before it expires, at google-auth's threshold of 3 minutes 45 seconds. What was signed in
    with it stays connected: https://cloud.google.com/memorystore/docs/cluster/about-iam-auth

    Raises:
        SignInError: There are no credentials, or they give no token.
    """

    def __init__(self, project: str) -> None:
        host = emulator_host()
        self._credentials = EmulatorCredentials(host, project) if host else application_default_credentials(project)
        self._locks: dict[int, threading.Lock] = {}  # one a process, so that a forked child finds it open
        self.get_credentials()

    @property
    def _lock(self) -> threading.Lock:
        return self._locks.setdefault(os.getpid(), threading.Lock())

    def get_credentials(self) -> tuple[str, Secret]:
        """User and token for the next connection.

        Raises:
            TokenUnavailableError: The old token has expired, and no new one could be had.
        """
        with self._lock:
            if self._credentials.token_state is not TokenState.FRESH:
                try:
                    self._refresh()
                except TokenUnavailableError:
                    # One that is about to expire is still good for now.
                    if self._credentials.token_state is TokenState.INVALID:
                        raise
            return "default", Secret(self._credentials.token)

    async def get_credentials_async(self) -> tuple[str, Secret]:
        """Like `get_credentials`; the event loop goes on meanwhile."""
        return await asyncio.to_thread(self.get_credentials)

    def renew(self) -> None:
        """Have a new token in the place of one that was refused, however long that one had to go.

        Raises:
            TokenUnavailableError: None could be had.
        """
        with self._lock:
            self._refresh()

    def _refresh(self) -> None:
        try:
            # google-auth's own time limit is two minutes.
            self._credentials.refresh(partial(Request(), timeout=CALL_SECONDS))
        except GoogleAuthError as error:
            said = error.args[0] if error.args and isinstance(error.args[0], str) else type(error).__name__
            raise TokenUnavailableError(
                f"The Google Cloud credentials gave no access token: {said.strip().splitlines()[0].rstrip('.')}.\n"
                + say(
                    "Sign in again. On your own computer, run: gcloud auth application-default login. On Google "
                    "Cloud, check that the runtime's service account is enabled."
                )
            ) from error


class SignedInAccess(Access):
    """How to reach what clients are signed in to with access tokens, or with credentials of the caller's own.

    What is `found` says with `iam` whether access tokens are wanted.

    Args:
        resource: The resource.
        own: The caller's credentials, which come in the place of any others.
    """

    role: ClassVar[str]
    """The role that allows an account to sign in."""
    permission: ClassVar[str]
    """The permission in it."""

    def __init__(self, resource: ResourceName, own: CredentialProvider | None) -> None:
        super().__init__(resource)
        self._own: CredentialProvider | None = own and without_blocking(own)

    def begin(self, found: Any) -> None:
        """Go by what was found first, and have a token already: without one there is nothing to connect for."""
        self.found = found
        self._provider()

    def get_credentials(self) -> Any:
        """What AUTH is sent with; nothing where there is no need for it."""
        provider = self._provider()
        return provider.get_credentials() if provider else self.fetched(self.found)

    async def get_credentials_async(self) -> Any:
        """Like `get_credentials`; the event loop goes on meanwhile."""
        provider = self._provider()
        return await provider.get_credentials_async() if provider else self.fetched(self.found)

    def fetched(self, found: Any) -> Any:
        """The credentials that the API gave for the resource itself, if any."""
        return ()

    @cached_property
    def _tokens(self) -> AccessTokens:
        return AccessTokens(self.resource.project)

    def _provider(self) -> CredentialProvider | None:
        return self._own or (self._tokens if self.found.iam else None)

    def renew(self, used: Any, after: redis.RedisError) -> bool:
        """Have a fresh token where one was refused; ask the API again after what the client does not see to itself."""
        if used.iam and not self._own and _refusal(after):
            with self.lock:
                if self.found is used:
                    self._tokens.renew()
                    # What was refused meanwhile finds something newer than what it used.
                    self.found = used._replace()
            return True
        if isinstance(after, redis.AuthenticationError):
            return not self._own and super().renew(used, after)
        return self.outdated(used, after) and super().renew(used, after)

    def outdated(self, used: Any, after: redis.RedisError) -> bool:
        """Whether a fault other than a refused sign-in may come of what is known: a cluster's client sees to most."""
        return certificate_refused(after)

    def advise(self, error: redis.RedisError, server: str) -> None:
        """Raise the error that says what to do."""
        if isinstance(error, HelpersError):
            return
        advice, reported = self.advice(error), error
        if self.found.iam and not self._own and _refusal(error):
            # Whatever AUTH is answered with, it is about the account.
            reported = redis.AuthenticationError(str(error))
            advice = say(_ROLE, role=self.role, permission=self.permission)
        if isinstance(reported, (redis.ConnectionError, redis.TimeoutError)):
            raise connection_error(reported, self.at(server), advice) from error

    def at(self, server: str) -> str:
        """A server of the resource, as errors name it."""
        return f"{self.resource} ({server})"

    def advice(self, error: BaseException) -> str | None:
        """What to do about a connection that failed; ``None`` for what any server's failing calls for."""
        raise NotImplementedError


def own_credentials(options: dict[str, Any]) -> CredentialProvider | None:
    """Take the caller's own credentials out of a client's options: redis-py takes no two kinds of them."""
    username, password = options.pop("username", None), options.pop("password", None)
    if isinstance(password, str):
        password = Secret(password)
    given = UsernamePasswordCredentialProvider(username, password) if username or password else None
    provider: CredentialProvider | None = options.pop("credential_provider", given)
    return provider


# What a database or a client's name is answered with, once signed in.
_OF_OPTIONS = re.compile("DB index|invalid DB|Client names")


def _refusal(error: redis.RedisError) -> bool:
    if isinstance(error, HelpersError) or _OF_OPTIONS.search(str(error)):
        return False
    return isinstance(error, (redis.AuthenticationError, redis.ResponseError))
