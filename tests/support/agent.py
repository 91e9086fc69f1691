"""An agent whose every answer can be told beforehand."""

from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class CountingModel(BaseChatModel):
    """Answers "question 7" with "answer 7"; beforehand it does what it is told to."""

    meanwhile: Callable[[], Any] = bool

    @property
    def _llm_type(self) -> str:
        return "counting"

    def _generate(self, messages: list[BaseMessage], *_: Any, **options: Any) -> ChatResult:
        self.meanwhile()
        answer = str(messages[-1].content).replace("question", "answer")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer))])


def counting_agent(saver: Any, meanwhile: Callable[[], Any] = bool) -> Any:
    """An agent of that model."""
    return create_agent(CountingModel(meanwhile=meanwhile), [], checkpointer=saver)


def question(number: int) -> dict[str, Any]:
    """What an agent is asked."""
    return {"messages": [HumanMessage(f"question {number}")]}


def talk(turns: int) -> list[str]:
    """What is said in the first turns."""
    return [f"{kind} {number}" for number in range(turns) for kind in ("question", "answer")]


def thread(name: str = "bob", **more: Any) -> Any:
    """The config of a thread."""
    return {"configurable": {"thread_id": name, **more}}


def said(saver: Any, config: Any = None) -> list[str]:
    """What the latest checkpoint of a thread holds."""
    found = saver.get_tuple(config or thread())
    return [message.content for message in found.checkpoint["channel_values"]["messages"]] if found else []
