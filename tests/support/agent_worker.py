"""A process that talks with an agent until it is killed: `agent_worker.py URL FIRST LAST STOP`.

It says "done N" after each turn, and stops, to be killed, in the middle of turn STOP.
"""

import sys
import time

from helpers import RedisSaver
from tests.support.agent import counting_agent, question, thread


def main() -> None:
    """Talk."""
    url, first, last, stop = sys.argv[1], *map(int, sys.argv[2:])
    turn = first

    def meanwhile() -> None:
        if turn == stop:
            print("stopped", flush=True)
            time.sleep(600)

    agent = counting_agent(RedisSaver(url), meanwhile)
    for turn in range(first, last):  # `meanwhile` reads it
        agent.invoke(question(turn), thread())
        print("done", turn, flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
