"""Runs in an official package's environment: writes the messages it is told, and tells those it reads.

    python official_worker.py community|memorystore URL SESSION write|read

Messages pass as JSON, `message_to_dict` of each, through standard input and output.
"""

import json
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")

import redis  # noqa: E402
from langchain_core.messages import message_to_dict, messages_from_dict  # noqa: E402


def main() -> None:
    """Write or read, as the arguments say."""
    package, url, session, action = sys.argv[1:]
    history: Any
    if package == "community":
        from langchain_community.chat_message_histories import RedisChatMessageHistory

        history = RedisChatMessageHistory(session, url=url)
    else:
        from langchain_google_memorystore_redis import MemorystoreChatMessageHistory

        history = MemorystoreChatMessageHistory(redis.from_url(url), session_id=session)
    if action == "write":
        for message in messages_from_dict(json.load(sys.stdin)):
            history.add_message(message)
    json.dump([message_to_dict(message) for message in history.messages], sys.stdout)


if __name__ == "__main__":
    main()
