"""Writes to an agent's thread, carried out once as those of the histories are."""

from typing import Any

from redis.exceptions import NoScriptError

from helpers._checkpoints.scripts import name_of
from helpers._histories.writing import Write
from helpers._localization.messages import say, words
from helpers.errors import (
    THREAD_RIGHTS,
    DamagedThreadError,
    MissingRightsError,
    NotAThreadError,
    WriteOutcomeUnknownError,
)

_RIGHTS_ADVICE = words("Agents' threads need them: give this user {rights}.")
_UNKNOWN_ADVICE = words(
    "Once the server answers, agent.get_state(config) shows what is stored, and "
    "agent.invoke(None, config) continues from there."
)


def said_of(key: str, error: Exception) -> Exception:
    """What a server's refusal says of a thread, if it is about what is stored of it."""
    if "WRONGTYPE" in str(error):
        return NotAThreadError(key)
    _, damaged, field = str(error).partition("DAMAGED ")
    return DamagedThreadError(key, field, "it is missing, or not what a saver stores") if damaged else error


class ThreadWrite(Write):
    """One write on its way, its script called by name where the server knows it."""

    _whole = False

    def command(self, client: Any) -> tuple[Any, ...]:
        """The command of the next attempt."""
        command, script, *rest = super().command(client)
        if self._whole:
            return command, script, *rest
        return "EVALSHA", name_of(script), *rest

    def pause_after(self, error: Exception, *, sent: bool) -> float:
        """Seconds to wait before the next attempt; none where the server only did not know the script."""
        if isinstance(error, NoScriptError):
            self._whole = True
            return 0.0
        return super().pause_after(error, sent=sent)

    def _told(self, error: Exception) -> Exception:
        if not self._unknown and (said := said_of(self.key, error)) is not error:
            return said
        told: Exception = super()._told(error)
        if isinstance(told, MissingRightsError):
            return MissingRightsError(self.key, str(error), say(_RIGHTS_ADVICE, rights=THREAD_RIGHTS))
        if isinstance(told, WriteOutcomeUnknownError):
            return type(told)(self.key, str(error), say(_UNKNOWN_ADVICE))
        return told
