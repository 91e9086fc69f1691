"""Access tokens, as IAM issues them, and who has to know of them."""

import asyncio
import datetime
import secrets
from collections.abc import Awaitable, Callable

from helpers.emulator.api.errors import VIEWER_PROJECT

# Google's own default: https://cloud.google.com/iam/docs/create-short-lived-credentials-direct
DEFAULT_SECONDS = 3600.0


class AccessTokens:
    """The access tokens that were issued and are good.

    Args:
        seconds: How long a token is good for where its caller does not say.
        changed: Called when other tokens are good than before.
    """

    def __init__(self, seconds: float, changed: Callable[[], Awaitable[None]]) -> None:
        self._seconds = seconds
        self._changed = changed
        self._good: dict[str, asyncio.TimerHandle] = {}
        self._expiring: set[asyncio.Task[None]] = set()

    def good(self) -> list[str]:
        """The tokens that instances accept."""
        return list(self._good)

    async def issue(self, account: str, seconds: float | None) -> tuple[str, datetime.datetime]:
        """A new token, which every instance knows when this returns.

        Args:
            account: The account that it is for. Those of the project with a viewer only may not connect.
            seconds: How long it is good for; ``None`` for the default.

        Returns:
            The token, and until when it is good.
        """
        lifetime = self._seconds if seconds is None else seconds
        token = f"ya29.emulated.{secrets.token_urlsafe(32)}"
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=lifetime)
        if not account.endswith(f"@{VIEWER_PROJECT}.iam.gserviceaccount.com"):
            self._good[token] = asyncio.get_running_loop().call_later(lifetime, self._expire, token)
            await self._changed()
        return token, until

    async def revoke(self) -> None:
        """Have every token that was issued so far be refused from now on."""
        for timer in self._good.values():
            timer.cancel()
        self._good.clear()
        await self._changed()

    async def close(self) -> None:
        """Forget every token, and tell nobody."""
        for timer in self._good.values():
            timer.cancel()
        await asyncio.gather(*self._expiring, return_exceptions=True)

    def _expire(self, token: str) -> None:
        del self._good[token]
        task = asyncio.ensure_future(self._changed())
        self._expiring.add(task)
        task.add_done_callback(self._expiring.discard)
