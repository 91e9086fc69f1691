"""What the histories have of LangChain: its base class, and once there is none, from 2.0 on, the methods of that."""

import asyncio
from collections.abc import Callable, Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

try:
    from langchain_core.chat_history import BaseChatMessageHistory
except ImportError:

    class BaseChatMessageHistory:  # type: ignore[no-redef]
        """Ways to add one message, and async methods that heed in a thread what a subclass overrides."""

        messages: list[BaseMessage]
        add_message: Callable[[BaseMessage], None]
        add_messages: Callable[[Sequence[BaseMessage]], None]
        clear: Callable[[], None]

        def add_user_message(self, message: HumanMessage | str) -> None:
            """Append what the person said.

            Args:
                message: The text, or the message; it raises what `add_messages` raises.
            """
            self.add_message(message if isinstance(message, HumanMessage) else HumanMessage(message))

        def add_ai_message(self, message: AIMessage | str) -> None:
            """Append what the model said.

            Args:
                message: The text, or the message; it raises what `add_messages` raises.
            """
            self.add_message(message if isinstance(message, AIMessage) else AIMessage(message))

        async def aget_messages(self) -> list[BaseMessage]:
            return await asyncio.to_thread(lambda: self.messages)

        async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
            await asyncio.to_thread(self.add_messages, messages)

        async def aclear(self) -> None:
            await asyncio.to_thread(self.clear)


__all__ = ["BaseChatMessageHistory"]
