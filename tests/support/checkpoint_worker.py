"""A process that writes checkpoints to a thread that others write to: `checkpoint_worker.py URL NAME COUNT KEEP FILE`.

Writes down, as JSON, what each checkpoint of its own holds.
"""

import json
import sys
from pathlib import Path

from langgraph.checkpoint.base import empty_checkpoint

from helpers import RedisSaver
from tests.support.agent import thread


def main() -> None:
    """Write."""
    url, name, count, keep, file = sys.argv[1:]
    saver = RedisSaver(url, keep=int(keep) or None)
    own = {}
    for number in range(int(count)):
        found = saver.get_tuple(thread())
        words = found.checkpoint["channel_values"]["words"] if found else []
        words = [*words[-12:], f"{name} {number} ".ljust(100, "x")]  # values come and go, and are swept
        checkpoint = empty_checkpoint() | {"channel_values": {"words": words}}
        saver.put(found.config if found else thread(), checkpoint, {}, {})
        own[checkpoint["id"]] = words
    Path(file).write_text(json.dumps(own))


if __name__ == "__main__":
    main()
