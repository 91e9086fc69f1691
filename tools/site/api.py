"""The public docstrings as pages, one for each public module."""

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import griffe
from markupsafe import Markup

from tools.project import repository, root
from tools.site.addresses import Links
from tools.site.pictures import Page
from tools.site.prose import Body, Prose, code, made

MODULES = ["helpers"] + [
    f"helpers.{name}" for name in "memorystore sessions widgets exercises embedded emulator environment errors".split()
]
"""The public modules, in the order of their pages."""

# Docstrings lead to each other, and to no file.
_NO_LINKS = Links("", {}, Page())
_LINE = 84
_Kind = griffe.DocstringSectionKind
_TITLES = {
    _Kind.parameters: "Arguments",
    _Kind.attributes: "Attributes",
    _Kind.returns: "Returns",
    _Kind.yields: "Yields",
    _Kind.raises: "Raises",
}


def load(folder: Path) -> Any:
    """The package `helpers` in a folder, as griffe reads it."""
    options = {"returns_multiple_items": False, "returns_named_value": False}
    return griffe.load(
        "helpers",
        search_paths=[folder],
        try_relative_path=False,
        docstring_parser="google",
        docstring_options=options,  # type: ignore[arg-type]
    )


def public(package: Any, name: str) -> list[Any]:
    """What a public module names (or holds, where it names nothing), modules left out."""
    place = package.modules_collection[name]
    module: ModuleType = importlib.import_module(name)
    held = [each for each, one in place.members.items() if one.is_public and not one.is_alias]
    found = [final(place[each]) for each in getattr(module, "__all__", held)]
    return [one for one in found if not one.is_module]


def offered(kind: Any) -> list[Any]:
    """The public members of a class, with those of its bases in the package."""
    return [final(member) for name, member in kind.all_members.items() if not name.startswith("_")]


def final(one: Any) -> Any:
    """What a name stands for, wherever it is defined."""
    return one.final_target if one.is_alias else one


def callables(kind: Any) -> list[Any]:
    """The methods and properties of a class."""
    return [each for each in offered(kind) if each.is_function or "property" in each.labels]


def page_name(module: str) -> str:
    """The name of a module's page."""
    return module.replace("helpers", "api").replace(".", "-") + ".html"


@lru_cache
def bodies() -> Mapping[str, Body]:
    """The public docstrings as what stands in the frames of pages, by the pages' names. They are English everywhere."""
    package = load(root())
    described = {name: public(package, name) for name in MODULES}
    known = {one.name: f"{page_name(name)}#{one.name.lower()}" for name in reversed(MODULES) for one in described[name]}
    known |= {name: page_name(name) for name in MODULES}
    return {
        page_name(name): _Page(known).body(name, package.modules_collection[name], entries)
        for name, entries in described.items()
    }


class _Page:
    """A module's page in the making.

    Args:
        known: Where each name that is described leads to.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self.prose = Prose(_NO_LINKS)
        self._known = known

    def body(self, name: str, module: Any, entries: Iterable[Any]) -> Body:
        parts = [self.heading(1, name), self._modules(name), self.docstring(module), *map(self.entry, entries)]
        return Body(name, self.prose.summary, Markup("").join(parts), self.prose.sections)

    def _modules(self, name: str) -> Markup:
        row = (
            Markup('<a href="{}"{}><code>{}</code></a>').format(
                page_name(one), Markup(' aria-current="page"') if one == name else "", one
            )
            for one in MODULES
        )
        return Markup('<nav class="modules" aria-label="Modules">{}</nav>\n').format(Markup("\n").join(row))

    def heading(self, level: int, name: str) -> Markup:
        return Markup('<h{0} id="{1}"><code>{2}</code></h{0}>\n').format(level, self.prose.head(level, name), name)

    def entry(self, one: Any) -> Markup:
        """A function, a class with its methods, or a constant."""
        self.prose.say(one.path)
        parts = [self.heading(2, one.name), code(signature(one), "python"), self.docstring(one)]
        if one.is_class:
            parts += [self._method(each) for each in callables(one)]
        path = one.filepath.relative_to(root()).as_posix()
        parts.append(
            Markup('<p class="source"><a href="{0}/blob/main/{1}#L{2}">{1}</a></p>\n').format(
                repository(), path, one.lineno
            )
        )
        return Markup('<section class="entry">\n{}</section>\n').format(Markup("").join(parts))

    def _method(self, one: Any) -> Markup:
        self.prose.say(one.name)
        return Markup('<div class="method">\n{}{}</div>\n').format(code(signature(one), "python"), self.docstring(one))

    def docstring(self, one: Any) -> Markup:
        """What a docstring says, section by section."""
        if not one.docstring:
            return Markup("")
        return Markup("").join(self._sections(one.docstring.parsed))

    def _sections(self, sections: Iterable[Any]) -> Iterator[Markup]:
        for section in sections:
            if section.kind is _Kind.text:
                yield self._text(section.value)
            elif section.kind in _TITLES:
                rows = [(_name(each), self._text(each.description)) for each in section.value]
                yield Markup('<p class="part">{}</p>\n<dl>\n').format(_TITLES[section.kind])
                for name, text in rows:
                    yield Markup("<dt><code>{}</code></dt>\n<dd>{}</dd>\n").format(name, text)
                yield Markup("</dl>\n")

    def _text(self, text: str) -> Markup:
        """A docstring's text, where a name leads to what is said of it."""

        def linked(found: re.Match[str]) -> str:
            address = self._known.get(found[1])
            return f'<a href="{address}">{found[0]}</a>' if address else found[0]

        return made(re.sub(r"<code>([\w.]+)</code>", linked, self.prose.markdown(text)))


def _name(each: Any) -> str:
    """What stands before a description: the name of an argument, or the type of a result or an error."""
    return str(getattr(each, "name", "") or each.annotation)


def signature(one: Any) -> str:
    """How a function is called, or what a constant is; a long one has a line for each argument."""
    if one.is_attribute:
        value = "" if one.value is None or "property" in one.labels else f" = {one.value}"
        return f"{one.name}: {one.annotation}{value}" if one.annotation else f"{one.name}{value}"
    before = "class " if one.is_class else "async " if "async" in one.labels else ""
    result = f" -> {one.returns}" if one.is_function and one.returns else ""
    arguments = _arguments(one.parameters)
    if one.is_class and not arguments:
        bases = ", ".join(map(str, one.bases))
        return f"class {one.name}({bases})" if bases else f"class {one.name}"
    if len(line := f"{before}{one.name}({', '.join(arguments)}){result}") <= _LINE:
        return line
    return f"{before}{one.name}(\n" + "".join(f"    {each},\n" for each in arguments) + f"){result}"


def _arguments(parameters: Iterable[Any]) -> list[str]:
    """The arguments of a call, with the `*` or `/` between them."""
    found: list[str] = []
    before = None
    kinds = griffe.ParameterKind
    for each in parameters:
        if each.name in ("self", "cls"):
            continue
        if each.kind is kinds.keyword_only and before not in (kinds.keyword_only, kinds.var_positional):
            found.append("*")
        before = each.kind
        stars = {kinds.var_positional: "*", kinds.var_keyword: "**"}.get(each.kind, "")
        kind = f": {each.annotation}" if each.annotation else ""
        default = f" = {each.default}" if each.default is not None and not stars else ""
        found.append(f"{stars}{each.name}{kind}{default}")
    return found
