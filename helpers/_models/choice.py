"""Which chat model answers: the reader's own, or the offline stand-in."""

import os
from typing import Any

from langchain_core.language_models import BaseChatModel

from helpers.errors import require

DEFAULT_MODEL = "gpt-5.4-mini"


def chat_model(**options: Any) -> BaseChatModel:
    """A chat model that works here and now.

    With ``OPENAI_API_KEY`` or ``OPENAI_BASE_URL`` in the environment it is `langchain_openai.ChatOpenAI`; a server of
    your own that speaks OpenAI's protocol (Ollama, vLLM, llama.cpp …) needs the second only. Otherwise it is the
    offline model, which costs nothing, needs no network, and says that it is a stand-in.

    Args:
        options: Handed to `ChatOpenAI`, such as ``model`` (default: ``$OPENAI_MODEL``, else ``gpt-5.4-mini``) or
            ``temperature``. The offline model has no use for them.

    Returns:
        The model. Nothing was asked of it yet, so a wrong key or address shows at its first answer.
    """
    key, base_url = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
    if not key and not base_url:
        from helpers._models.offline import OfflineChatModel

        return OfflineChatModel()
    require("models", "langchain_openai")
    from langchain_openai import ChatOpenAI

    defaults: dict[str, Any] = {"model": os.environ.get("OPENAI_MODEL") or DEFAULT_MODEL}
    if not key:
        defaults["api_key"] = "not-needed"  # ChatOpenAI insists on one; a server without keys ignores it
    if "model_name" in options:
        del defaults["model"]
    return ChatOpenAI(**defaults | options)
