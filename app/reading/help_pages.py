"""The help pages: files below `resources/help`, and an index of all terms made from the glossary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from app.reading.glossary import TERMS, WEIGHT_TERMS, Term, address
from app.theme import RESOURCES

INDEX = "terms"
"""Name of the page that lists all terms."""
SECTIONS = ("Definition", "Formula", "Source", "Limits")
"""Headings that every page of a method has; a page without a formula says so in its definition."""


@dataclass(frozen=True, slots=True)
class HelpPage:
    """One page.

    Attributes
    ----------
    name, title
        Name of its file without the ending; its first heading.
    text
        The whole page as Markdown.
    headings
        Headings below the first, in order.
    summary
        Words for the search: headings and the terms that it defines.
    """

    name: str
    title: str
    text: str
    headings: tuple[str, ...]
    summary: str


@cache
def pages() -> tuple[HelpPage, ...]:
    """Return all pages in the order of their titles, the index first."""
    files = sorted((RESOURCES / "help").glob("*.md"))
    read = [_page(file.stem, file.read_text(encoding="utf-8")) for file in files]
    return (_page(INDEX, _index()), *sorted(read, key=lambda page: page.title.lower()))


def page(name: str) -> HelpPage | None:
    """Return a page by its name or an address within it, None if there is none."""
    wanted = address(name)[0]
    return next((found for found in pages() if found.name == wanted), None)


def _page(name: str, text: str) -> HelpPage:
    lines = text.splitlines()
    first = lines[0] if lines else ""
    title = first.lstrip("# ").strip() if first.startswith("#") else name.replace("_", " ").capitalize()
    headings = tuple(line.lstrip("# ").strip() for line in lines[1:] if line.startswith("#"))
    words = [term.title for term in (*TERMS.values(), *WEIGHT_TERMS.values()) if address(term.page)[0] == name]
    return HelpPage(name, title, text, headings, " ".join(words))


def _index() -> str:
    lines = [
        "# All terms",
        "",
        "Every measure of the window in one line; a click leads to formula, source and limits.",
        "",
    ]
    terms = sorted((*TERMS.values(), *WEIGHT_TERMS.values()), key=lambda term: term.title.lower())
    return "\n".join([*lines, *(_entry(term) for term in terms)]) + "\n"


def _entry(term: Term) -> str:
    """Write a term as a paragraph: the panel is too narrow for columns."""
    unit = f" ({term.unit})" if term.unit else ""
    return f"**[{term.title}]({link_of(term.page)})**{unit}: {_plain(term.definition)}\n"


def link_of(page: str) -> str:
    """Return the target of a link to a page, or to a section or row of it given as "page?Row#Heading"."""
    name, row, heading = address(page)
    return (
        f"{name}.md" + (f"?{quote(row, safe='')}" if row else "") + (f"#{quote(heading, safe='')}" if heading else "")
    )


def _plain(text: str) -> str:
    """Keep signs of formulas from being read as marks of Markdown."""
    return "".join(f"\\{sign}" if sign in "*_[]<>|" else sign for sign in text)
