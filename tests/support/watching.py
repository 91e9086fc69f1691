"""What a server's scripts do while something is done to it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import redis


class Watched:
    """The commands that scripts called, word by word."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []

    @property
    def records_read(self) -> float:
        """How many records they took out of lists; infinitely many where they took all."""
        ranges = [map(int, words[2:]) for words in self.commands if words[0] == "LRANGE"]
        return sum(last - first + 1 or math.inf for first, last in ranges)


@contextmanager
def watching(client: redis.Redis) -> Iterator[Watched]:
    """What is seen is complete once the block has ended."""
    seen = Watched()
    with client.monitor() as monitor:
        yield seen
        client.echo("the end")
        for entry in monitor.listen():
            if "the end" in entry["command"]:
                return
            if entry["client_type"] == "lua":
                seen.commands.append(entry["command"].split(" "))
