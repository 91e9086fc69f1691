"""As much of Lua 5.1 as the scripts of this package are written in, for an engine that has no Lua.

A script becomes a function of Python. What is not known here is an error: of the language when the script is compiled,
of Lua's functions when it gets there. One thing is Python's and not Lua's: a function that is made in a loop sees the
loop's variables as they are when it is called.

Lua's strings are bytes here, nil is None, and whatever is called takes its arguments and returns a list of results.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cmp_to_key
from itertools import count
from typing import Any, NamedTuple


class LuaError(Exception):
    """A script can't be compiled, or has failed."""


class Table:
    """A table of Lua's.

    Args:
        items: What stands at 1, 2 and so on.
        fields: What stands at other keys.
    """

    def __init__(self, items: Iterable[Any] = (), fields: Mapping[Any, Any] | None = None) -> None:
        self.length = 0
        self._items: dict[Any, Any] = {}
        for key, value in (*(fields or {}).items(), *enumerate(items, 1)):
            self[key] = value

    def __getitem__(self, key: Any) -> Any:
        return self._items.get(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if value is None:
            self._items.pop(key, None)
            if key == self.length:
                self.length -= 1
            return
        self._items[key] = value
        while self.length + 1 in self._items:
            self.length += 1

    def array(self) -> list[Any]:
        """What stands at 1, 2 and so on, up to the first nil."""
        return [self._items[place] for place in range(1, self.length + 1)]


# What the compiled scripts call.


def _unknown(name: str) -> Any:
    raise LuaError(f"attempt to access nonexistent global variable {name!r}")


def _truth(value: Any) -> bool:
    return value is not None and value is not False


def _index(value: Any, key: Any) -> Any:
    if isinstance(value, Table):
        return value[key]
    raise LuaError(f"attempt to index a {_type(value)} value")


def _set(value: Any, key: Any, new: Any) -> None:
    if not isinstance(value, Table):
        raise LuaError(f"attempt to index a {_type(value)} value")
    value[key] = new


def _call(function: Any, *arguments: Any) -> list[Any]:
    if not callable(function):
        raise LuaError(f"attempt to call a {_type(function)} value")
    return function(*arguments)  # type: ignore[no-any-return]


def _first(values: list[Any]) -> Any:
    return values[0] if values else None


def _number(value: Any) -> Any:
    number = _tonumber(value) if isinstance(value, bytes) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise LuaError(f"attempt to perform arithmetic on a {_type(value)} value")
    return number


def _divided(value: Any, by: Any) -> Any:
    value, by = float(_number(value)), _number(by)
    return value / by if by else math.nan if not value else math.copysign(math.inf, value)


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _less(one: Any, other: Any) -> bool:
    if _type(one) != _type(other) or _type(one) not in ("number", "string"):
        raise LuaError(f"attempt to compare {_type(one)} with {_type(other)}")
    return bool(one < other)


def _greater(one: Any, other: Any) -> bool:
    return _less(other, one)


def _length(value: Any) -> int:
    if isinstance(value, Table):
        return value.length
    if isinstance(value, bytes):
        return len(value)
    raise LuaError(f"attempt to get length of a {_type(value)} value")


def _joined(*parts: Any) -> bytes:
    return b"".join(map(_text, parts))


def _text(value: Any) -> bytes:
    """A string, or a number as one."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise LuaError(f"attempt to concatenate a {_type(value)} value")
    return b"%d" % value if value == int(value) and abs(value) < 10**15 else b"%.14g" % value


def _each(values: list[Any]) -> Iterator[tuple[Any, ...]]:
    if not isinstance(_first(values), Iterator):
        raise LuaError("only ipairs and string.gmatch are known to be gone through")
    return iter(values[0])


def _steps(first: Any, last: Any, step: Any) -> Iterator[Any]:
    value, last, step = _number(first), _number(last), _number(step)
    while value <= last if step > 0 else value >= last:
        yield value
        value += step


# Lua's own functions, those that scripts use.


def _type(value: Any) -> str:
    if value is None:
        return "nil"
    kinds = {bool: "boolean", int: "number", float: "number", bytes: "string", Table: "table"}
    return kinds.get(type(value), "function")


def _tonumber(value: Any) -> int | float | None:
    if isinstance(value, bytes):
        if not re.fullmatch(rb"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", value):
            return None
        value = float(value)
        return int(value) if value.is_integer() else value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _tostring(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return {None: b"nil", True: b"true", False: b"false"}[value]
    return value if isinstance(value, bytes) else _text(value)


def _ipairs(table: Table) -> Iterator[tuple[int, Any]]:
    for place in count(1):
        if (item := table[place]) is None:
            return
        yield place, item


def _unpack(table: Table, first: int = 1, last: int | None = None) -> list[Any]:
    return [table[place] for place in range(int(first), int(table.length if last is None else last) + 1)]


def _concat(table: Table, between: bytes = b"") -> bytes:
    return between.join(map(_text, table.array()))


def _insert(table: Table, item: Any) -> None:
    table[table.length + 1] = item


def _sort(table: Table, less: Callable[..., list[Any]] | None = None) -> None:
    is_less = less or (lambda one, other: [_less(one, other)])

    def compared(one: Any, other: Any) -> int:
        return -1 if _truth(_first(is_less(one, other))) else int(_truth(_first(is_less(other, one))))

    for place, item in enumerate(sorted(table.array(), key=cmp_to_key(compared)), 1):
        table[place] = item


def _sub(text: Any, first: int, last: int = -1) -> bytes:
    text, first, last = _text(text), int(first), int(last)
    start = max(first + len(text), 0) if first < 0 else max(first - 1, 0)
    return bytes(text[start : max(last + len(text) + 1, 0) if last < 0 else last])


def _format(form: bytes, *values: Any) -> bytes:
    return form % tuple(int(_number(value)) for value in values)


_CLASSES = {b"a": b"A-Za-z", b"d": b"0-9", b"l": b"a-z", b"s": rb"\t-\r ", b"u": b"A-Z", b"w": b"A-Za-z0-9"}
_PATTERN = re.compile(rb"%(?P<escaped>.)|(?P<set>\[\^?\]?[^\]]*\])|(?P<sign>.)", re.DOTALL)


@cache
def _pattern(lua: bytes) -> "re.Pattern[bytes]":
    """A pattern of Lua's as a regular expression."""

    def class_of(letter: bytes, around: bytes) -> bytes:
        if not letter.isalpha():
            return re.escape(letter)
        if (signs := _CLASSES.get(letter.lower())) is None or (letter.isupper() and around == b"%s"):
            raise LuaError(f"unknown class in the pattern {lua!r}")
        return around % (b"^" * letter.isupper() + signs)

    made, after_item = b"", False
    for found in _PATTERN.finditer(lua):
        sign, is_first, is_last = found["sign"], not found.start(), found.end() == len(lua)
        if found["escaped"]:
            made += class_of(found["escaped"], b"[%s]")
        elif inside := found["set"]:
            begin = 2 if inside[1:2] == b"^" else 1
            signs = re.sub(rb"([\\\[])", rb"\\\1", inside[begin:-1])
            signs = re.sub(rb"%(.)", lambda one: class_of(one[1], b"%s"), signs, flags=re.DOTALL)
            made += inside[:begin] + signs + b"]"
        elif sign == b"^" and is_first:
            made += rb"\A"
        elif sign == b"$" and is_last:
            made += rb"\Z"
        elif sign in b"*+?-" and after_item:
            made += sign.replace(b"-", b"*?")
        else:
            made += sign if sign in b"().^"[:3] else re.escape(sign)
        after_item = sign is None or (sign not in b"()*+?-" or (not after_item and sign not in b"()"))
    if b"()" in made:
        raise LuaError(f"the pattern {lua!r} captures a place")
    return re.compile(made, re.DOTALL)


def _captured(found: "re.Match[bytes]") -> list[Any]:
    return list(found.groups()) or [found[0]]


def _find(text: Any, pattern: bytes, first: int = 1, plain: bool = False) -> list[Any]:
    text, start = _text(text), int(first) - 1
    if plain:
        place = text.find(pattern, start)
        return [None] if place < 0 else [place + 1, place + len(pattern)]
    found = _pattern(pattern).search(text, start)
    return [found.start() + 1, found.end(), *found.groups()] if found else [None]


def _match(text: Any, pattern: bytes) -> list[Any]:
    found = _pattern(pattern).search(_text(text))
    return _captured(found) if found else [None]


def _gmatch(text: Any, pattern: bytes) -> Iterator[tuple[Any, ...]]:
    for found in _pattern(pattern).finditer(_text(text)):
        yield tuple(_captured(found))


def _gsub(text: Any, pattern: bytes, new: Any) -> list[Any]:
    def replaced(found: "re.Match[bytes]") -> bytes:
        if callable(new):
            value = _first(new(*_captured(found)))
            return _text(value) if _truth(value) else found[0]
        return re.sub(rb"%(.)", lambda one: found[int(one[1])] if one[1].isdigit() else one[1], _text(new))

    return list(_pattern(pattern).subn(replaced, _text(text)))


def _giving_one(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    def call(*arguments: Any) -> list[Any]:
        return [function(*arguments)]

    return call


_LIBRARIES: dict[str, dict[str, Callable[..., list[Any]]]] = {
    "string": {
        "find": _find,
        "format": _giving_one(_format),
        "gmatch": _giving_one(_gmatch),
        "gsub": _gsub,
        "match": _match,
        "sub": _giving_one(_sub),
    },
    "table": {"concat": _giving_one(_concat), "insert": _giving_one(_insert), "sort": _giving_one(_sort)},
    "math": {
        "ceil": _giving_one(math.ceil),
        "floor": _giving_one(math.floor),
        "max": _giving_one(max),
        "min": _giving_one(min),
    },
}
_FUNCTIONS: dict[str, Callable[..., list[Any]]] = {
    "ipairs": _giving_one(_ipairs),
    "tonumber": _giving_one(_tonumber),
    "tostring": _giving_one(_tostring),
    "type": _giving_one(lambda value: _type(value).encode()),
    "unpack": _unpack,
}
_HELPERS = (
    _call,
    _divided,
    _each,
    _equal,
    _first,
    _greater,
    _index,
    _joined,
    _length,
    _less,
    _number,
    _set,
    _steps,
    _truth,
    _unknown,
)
_NAMES: dict[str, Any] = {function.__name__: function for function in _HELPERS} | {"Table": Table}
_NAMES |= {f"l_{name}": function for name, function in _FUNCTIONS.items()}
_NAMES |= {f"l_{name}_{one}": function for name, library in _LIBRARIES.items() for one, function in library.items()}

_WORDS = "and break do else elseif end false for function if in local nil not or repeat return then true until while"
_KEYWORDS = frozenset(_WORDS.split())
_ENDS = ("", "end", "else", "elseif")
_TOKEN = re.compile(
    r"(?:\s+|--[^\n]*)*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>\d+(?:\.\d+)?)|(?P<string>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?P<sign>\.\.\.|\.\.|==|~=|<=|>=|[-+*/%#<>=(){}\[\];:,.])|(?P<end>\Z))"
)
_BINDING = {
    "or": 1,
    "and": 2,
    "<": 3,
    ">": 3,
    "<=": 3,
    ">=": 3,
    "~=": 3,
    "==": 3,
    "..": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
}
_UNARY = 7
_OPERATIONS = {
    "<": "_less({}, {})",
    ">": "_greater({}, {})",
    "<=": "(not _greater({}, {}))",
    ">=": "(not _less({}, {}))",
    "==": "_equal({}, {})",
    "~=": "(not _equal({}, {}))",
    "..": "_joined({}, {})",
    "+": "(_number({}) + _number({}))",
    "-": "(_number({}) - _number({}))",
    "*": "(_number({}) * _number({}))",
    "/": "_divided({}, {})",
}


class _Code(NamedTuple):
    """An expression in Python, and whether it is a list of values."""

    text: str
    is_list: bool = False

    @property
    def one(self) -> str:
        return f"_first({self.text})" if self.is_list else self.text


class _Function:
    """A function of a script while it is compiled: the names it makes, and those that it changes of the ones around."""

    def __init__(self) -> None:
        self.own: set[str] = set()
        self.changed: set[str] = set()


class _Compiler:
    """Goes through a script from its beginning to its end, once, and writes Python."""

    def __init__(self, script: bytes) -> None:
        self._script, self._tokens = script, list(_tokens(script.decode("latin-1")))
        self._at, self._numbers = 0, count()
        self._scopes: list[dict[str, str]] = [{}]
        self._functions = [_Function()]

    def made(self) -> str:
        names = ("redis_call", "redis_pcall", "redis_error_reply", "KEYS", "ARGV")
        self._scopes[0] |= {name: name for name in ("KEYS", "ARGV")}
        self._functions[0].own |= set(names)
        body = self._block()
        self._take("")
        return "\n".join([f"def script({', '.join(names)}):", *_indented(body), ""])

    # Tokens.

    def _next(self) -> str:
        return self._tokens[self._at][1]

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _try(self, *texts: str) -> str:
        if self._next() in texts:
            self._at += 1
            return self._tokens[self._at - 1][1]
        return ""

    def _take(self, text: str) -> None:
        if self._next() != text:
            raise LuaError(f"{text or 'the end'!r} expected near {self._next()!r}")
        self._at += 1

    def _name(self) -> str:
        if self._kind() != "name" or self._next() in _KEYWORDS:
            raise LuaError(f"a name expected near {self._next()!r}")
        self._at += 1
        return self._tokens[self._at - 1][1]

    # Names.

    def _declare(self, name: str) -> str:
        made = f"{name}_{next(self._numbers)}"
        self._scopes[-1][name] = made
        self._functions[-1].own.add(made)
        return made

    def _hidden(self) -> str:
        made = f"_{next(self._numbers)}"
        self._functions[-1].own.add(made)
        return made

    def _known(self, name: str) -> str | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    # Statements.

    def _block(self, names: tuple[str, ...] = ()) -> list[str]:
        self._scopes.append({})
        for name in names:
            self._scopes[-1][name.rpartition("_")[0]] = name
        lines: list[str] = []
        while self._next() not in _ENDS:
            lines += self._statement()
            self._try(";")
        self._scopes.pop()
        return lines or ["pass"]

    def _statement(self) -> list[str]:
        if self._try("local"):
            if self._try("function"):
                name = self._declare(self._name())
                return self._function(name)
            names = self._names()
            lines, values = self._values(len(names)) if self._try("=") else ([], _values_of("[]", len(names)))
            made = [self._declare(name) for name in names]
            return [*lines, f"{', '.join(made)} = {values}"]
        if self._try("if"):
            return self._if()
        if self._try("while"):
            lines, condition = self._expression()
            self._take("do")
            body = self._block()
            self._take("end")
            return ["while True:", *_indented([*lines, f"if not _truth({condition.one}): break", *body])]
        if self._try("for"):
            return self._for()
        if self._try("do"):
            lines = self._block()
            self._take("end")
            return lines
        if self._try("break"):
            return ["break"]
        if self._try("return"):
            if self._next() in (*_ENDS, ";"):
                return ["return []"]
            lines, values = self._list()
            return [*lines, f"return {values}"]
        return self._assignment()

    def _if(self) -> list[str]:
        lines, condition = self._expression()
        self._take("then")
        lines += [f"if _truth({condition.one}):", *_indented(self._block())]
        if self._try("elseif"):
            return [*lines, "else:", *_indented(self._if())]
        if self._try("else"):
            lines += ["else:", *_indented(self._block())]
        self._take("end")
        return lines

    def _for(self) -> list[str]:
        names = self._names()
        if self._try("="):
            lines, values = self._list()
            over = f"_steps(*[*{values}, 1][:3])"
        else:
            self._take("in")
            lines, values = self._list()
            over = f"_each({values})"
        self._take("do")
        made = [f"{name}_{next(self._numbers)}" for name in names]
        self._functions[-1].own |= set(made)
        body = self._block(tuple(made))
        self._take("end")
        if over.startswith("_steps"):
            return [*lines, f"for {made[0]} in {over}:", *_indented(body)]
        given = self._hidden()
        takes = f"{', '.join(made)} = {_values_of(given, len(made))}"
        return [*lines, f"for {given} in {over}:", *_indented([takes, *body])]

    def _function(self, made: str) -> list[str]:
        self._functions.append(_Function())
        self._take("(")
        parameters = []
        while not self._try(")"):
            if not self._try("..."):
                parameters.append(self._name())
            if self._next() != ")":
                self._take(",")
        names = tuple(f"{name}_{next(self._numbers)}" for name in parameters)
        self._functions[-1].own |= {*names, "_rest"}
        body = self._block(names)
        self._take("end")
        function = self._functions.pop()
        outer = sorted(function.changed - function.own)
        self._functions[-1].changed |= set(outer)
        head = [f"nonlocal {', '.join(outer)}"] if outer else []
        given = "".join(f"{name}=None, " for name in names)
        tail = [] if body[-1].startswith("return") else ["return []"]
        return [f"def {made}({given}*_rest):", *_indented([*head, *body, *tail])]

    def _assignment(self) -> list[str]:
        lines, target = self._suffixed()
        if self._next() not in ("=", ","):
            if not target.is_list:
                raise LuaError(f"'=' expected near {self._next()!r}")
            return [*lines, target.text]
        targets = [target]
        while self._try(","):
            more, target = self._suffixed()
            lines, targets = lines + more, [*targets, target]
        self._take("=")
        more, values = self._values(len(targets))
        lines += more
        held = [values]
        if len(targets) > 1:
            held = [self._hidden() for _ in targets]
            lines.append(f"{', '.join(held)} = {values}")
        for target, value in zip(targets, held, strict=True):
            if found := re.fullmatch(r"_index\((.*)\)", target.text):
                lines.append(f"_set({found[1]}, {value})")
            elif re.fullmatch(r"\w+_\d+", target.text):
                self._functions[-1].changed.add(target.text)
                lines.append(f"{target.text} = {value}")
            else:
                raise LuaError("only locals and what is in tables can be set")
        return lines

    # Expressions. What has to be done before one of them, to define a function, goes into lines before it.

    def _names(self) -> list[str]:
        names = [self._name()]
        while self._try(","):
            names.append(self._name())
        return names

    def _list(self) -> tuple[list[str], str]:
        """Expressions, of whose last one all values count, as a list."""
        lines, last = self._expression()
        made = []
        while self._try(","):
            made.append(last.one)
            more, last = self._expression()
            lines += more
        if last.is_list and not made:
            return lines, last.text
        return lines, f"[{', '.join([*made, '*' * last.is_list + last.text])}]"

    def _values(self, number: int) -> tuple[list[str], str]:
        """As many values as there are names for them."""
        lines, values = self._list()
        return lines, _values_of(values, number)

    def _expression(self, binding: int = 0) -> tuple[list[str], _Code]:
        if sign := self._try("not", "-", "#"):
            lines, operand = self._expression(_UNARY)
            forms = {"not": "(not _truth({}))", "-": "(-_number({}))", "#": "_length({})"}
            left = _Code(forms[sign].format(operand.one))
        else:
            lines, left = self._simple()
        while self._kind() in ("sign", "name") and _BINDING.get(self._next(), 0) > binding:
            operation = self._next()
            self._at += 1
            more, right = self._expression(_BINDING[operation] - (operation == ".."))
            lines += more
            if operation in ("and", "or"):
                held = self._hidden()
                parts = (right.one, held) if operation == "and" else (held, right.one)
                left = _Code(f"({parts[0]} if _truth({held} := {left.one}) else {parts[1]})")
            else:
                left = _Code(_OPERATIONS[operation].format(left.one, right.one))
        return lines, left

    def _simple(self) -> tuple[list[str], _Code]:
        kind, text = self._tokens[self._at]
        if kind == "string":
            self._at += 1
            return [], _Code(repr(_unquoted(text)))
        if kind == "number":
            self._at += 1
            return [], _Code(text)
        if constant := self._try("nil", "true", "false"):
            return [], _Code({"nil": "None", "true": "True", "false": "False"}[constant])
        if self._try("..."):
            return [], _Code("list(_rest)", is_list=True)
        if self._try("function"):
            made = self._hidden()
            return self._function(made), _Code(made)
        if self._try("{"):
            return self._table()
        return self._suffixed()

    def _table(self) -> tuple[list[str], _Code]:
        lines, items, fields = [], [], []
        while not self._try("}"):
            if self._kind() == "name" and self._tokens[self._at + 1] == ("sign", "="):
                name = self._name()
                self._take("=")
                more, value = self._expression()
                fields.append(f"{name.encode()!r}: {value.one}")
            else:
                more, value = self._expression()
                is_last = self._next() == "}"
                items.append(f"*{value.text}" if is_last and value.is_list else value.one)
            lines += more
            if self._next() != "}":
                self._take(",")
        return lines, _Code(f"Table([{', '.join(items)}], {{{', '.join(fields)}}})")

    def _suffixed(self) -> tuple[list[str], _Code]:
        lines: list[str] = []
        if self._try("("):
            lines, inside = self._expression()
            self._take(")")
            found = _Code(f"({inside.one})")
        else:
            name = self._name()
            known = self._known(name)
            if known is None and self._try("."):
                name += f"_{self._name()}"
                known = name if name in self._functions[0].own else None
            if known is None and f"l_{name}" in _NAMES:
                known = f"l_{name}"
            found = _Code(known or f"_unknown({name!r})")
        while sign := self._try(".", "[", "("):
            if sign == ".":
                found = _Code(f"_index({found.one}, {self._name().encode()!r})")
            elif sign == "[":
                more, key = self._expression()
                self._take("]")
                lines += more
                found = _Code(f"_index({found.one}, {key.one})")
            elif self._try(")"):
                found = _Code(f"_call({found.one})", is_list=True)
            else:
                more, arguments = self._list()
                self._take(")")
                lines += more
                given = arguments[1:-1] if arguments.startswith("[") else f"*{arguments}"
                found = _Code(f"_call({found.one}, {given})", is_list=True)
        return lines, found


def _values_of(values: str, number: int) -> str:
    """The first values of a list, nil where it has no more: one as it is, several as a list."""
    return f"_first({values})" if number == 1 else f"[*{values}, {', '.join(['None'] * number)}][:{number}]"


def _indented(lines: list[str]) -> list[str]:
    return [f" {line}" for line in lines]


def _tokens(script: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (found := _TOKEN.match(script, at)) and found.lastgroup:
        yield found.lastgroup, found[found.lastgroup]
        if found.lastgroup == "end":
            return
        at = found.end()
    raise LuaError(f"unexpected {script[at : at + 20].strip()!r}")


def _unquoted(text: str) -> bytes:
    signs = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
    return re.sub(r"\\(.)", lambda one: signs.get(one[1], one[1]), text[1:-1]).encode("latin-1")


@cache
def compiled(script: bytes) -> Callable[..., list[Any]]:
    """A script as a function.

    Args:
        script: Its text.

    Returns:
        It takes what ``redis.call``, ``redis.pcall`` and ``redis.error_reply`` do, `KEYS` and `ARGV`.

    Raises:
        LuaError: There is something in it that is not known here.
    """
    names = dict(_NAMES)
    exec(compile(_Compiler(script).made(), "<script>", "exec"), names)  # noqa: S102  # made above, of known parts
    return names["script"]  # type: ignore[no-any-return]
