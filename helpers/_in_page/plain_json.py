"""The part of orjson that LangGraph's packages name, written by pydantic's own JSON."""

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

JSONDecodeError = ValueError
JSONEncodeError = TypeError
OPT_SERIALIZE_NUMPY, OPT_NON_STR_KEYS = 16, 4  # orjson's numbers; both are always on here


def dumps(value: Any, default: Callable[[Any], Any] | None = None, option: int | None = None) -> bytes:
    """A value as JSON, compact and in UTF-8.

    Args:
        value: The value.
        default: What makes other values of one that JSON has no form for.
        option: orjson's options, of which none changes anything.

    Returns:
        The bytes that orjson writes.

    Raises:
        TypeError: JSON has no form for it.
    """
    try:
        return to_json(value, inf_nan_mode="null", fallback=default)
    except ValueError as error:
        raise JSONEncodeError(str(error)) from error


def loads(text: bytes | bytearray | memoryview | str) -> Any:
    """The value of a JSON text.

    Args:
        text: The text.

    Returns:
        The value.

    Raises:
        ValueError: It is not JSON.
    """
    return from_json(bytes(text) if isinstance(text, memoryview) else text, allow_inf_nan=False)
