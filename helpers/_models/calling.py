"""Which tool a message asks for, by a rule that needs no language: its numbers and quotations are the arguments."""

import re
from collections.abc import Sequence
from typing import Any

# A letter or digit of the scripts that put spaces between words: in 4711번 and 订单4711 the number stands alone.
_LETTER = r"[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
_NUMBER = re.compile(rf"(?<!{_LETTER})(?<!{_LETTER}[-/:.,])-?\d{{1,15}}(?:[.,]\d{{1,9}})?(?!{_LETTER})(?![-/:.,]\d)")
_QUOTATION = re.compile(r"[“\"«「『]([^“”\"«»「」『』\n]{1,1000})[”\"»」』]")


def choice_of(tool_choice: str | dict[str, Any] | bool | None) -> str:
    """What `tool_choice` comes to, in whichever provider's form: ``"auto"``, ``"any"``, ``"none"`` or a tool's name."""
    if isinstance(tool_choice, dict):
        named = tool_choice.get("function", tool_choice)
        tool_choice = str(named.get("name") or named.get("type"))
    return "any" if tool_choice is True or tool_choice == "required" else tool_choice or "auto"


def find_call(text: str, tools: Sequence[dict[str, Any]], choice: str) -> tuple[str, dict[str, Any]] | None:
    """The tool most of whose required arguments a text fills, and all of its arguments that the text fills.

    Numbers that stand alone fill numbers in their order; where a tool takes integers too, fractions go to the others
    first. What is quoted fills strings. Where there are words to choose from (an enum, a `Literal`), the one that the
    text has is chosen. Of tools that are filled alike, one whose name is in the text goes first; so a tool that
    requires nothing is called too.

    Args:
        text: The message.
        tools: The tools in OpenAI's form; those without a function, which are a provider's own, can't be called.
        choice: ``"auto"`` calls a tool only where all that it requires is filled, ``"none"`` calls none. ``"any"`` or
            a tool's name calls one in any case, with the text itself for a string that nothing fills.
    """
    forced = choice != "auto"
    found = []
    for function in (tool["function"] for tool in tools if "function" in tool):
        name, schema = function["name"], function.get("parameters", {})
        if choice in ("auto", "any", name):
            properties, required = schema.get("properties", {}), schema.get("required", [])
            arguments = _arguments(text, properties, required)
            filled = len(arguments.keys() & required)
            if forced:
                free = [one for one in properties if one in required and _is_text(properties[one])]
                arguments = dict.fromkeys(free, text) | arguments
            named = _has(text, name) or _has(text, name.replace("_", " "))
            rank = arguments.keys() >= set(required), filled, named
            if forced or (rank[0] and any(rank[1:])):
                found.append((rank, name, arguments))
    return max(found, key=lambda one: one[0])[1:] if found else None


def _arguments(text: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    quotations = [match[1].strip() for match in _QUOTATION.finditer(text)]
    numbers = [_number(match[0]) for match in _NUMBER.finditer(_QUOTATION.sub(" ", text))]
    if not any(kind.get("type") == "integer" for schema in properties.values() for kind in _kinds(schema)):
        numbers = [float(number) for number in numbers]
    names = sorted(properties, key=lambda name: name not in required)
    taken = {name: _take(properties[name], text, numbers, quotations) for name in names}
    return {name: value for name, value in taken.items() if value is not None}


def _take(schema: dict[str, Any], text: str, numbers: list[int | float], quotations: list[str]) -> Any:
    """A value that fits a schema, which the next argument no longer finds."""
    for kind in _kinds(schema):
        wanted, left, fitting = kind.get("type"), list[Any](), list[Any]()
        if "enum" in kind:
            fitting = [word for word in sorted(kind["enum"], key=lambda word: -len(str(word))) if _has(text, str(word))]
        elif wanted == "string":
            left = fitting = quotations
        elif wanted == "integer":
            left, fitting = numbers, [number for number in numbers if isinstance(number, int)]
        elif wanted == "number":
            left, fitting = numbers, sorted(numbers, key=lambda number: isinstance(number, int))  # fractions first
        if fitting:
            value = fitting[0]
            if left:
                left.remove(value)
            return value
    return None


def _kinds(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema.get("anyOf", ())]


def _is_text(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "string" and "enum" not in schema


def _number(written: str) -> int | float:
    plain = re.sub(r",(?=\d{3}$)", "", written).replace(",", ".")  # 4,711 and 12,50
    return float(plain) if "." in plain else int(plain)


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?<!{_LETTER}){re.escape(word)}(?!{_LETTER})", text, re.IGNORECASE) is not None
