"""HTML of a template as a tree, however it was written; what had to be repaired is said with its line. No Django.

IHE MRRT is HTML5; real files leave elements open, put XML into comments and carry scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset("area base br col embed hr img input link meta source track wbr code".split())  # noqa: SIM905
"""Elements without content; ``code`` is one here, because MRRT's (a coded term) is left open in real files."""
_DROPPED = frozenset({"style", "iframe", "object", "applet", "noscript", "svg"})
_CLOSES = {
    "p": {"p"},
    "li": {"li"},
    "option": {"option"},
    "tr": {"tr", "td", "th"},
    "td": {"td", "th"},
    "th": {"td", "th"},
}


@dataclass(slots=True)
class Node:
    """An element; ``children`` are elements and texts."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Node | str] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This element and all below it, in order."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def find(self, tag: str) -> Iterator[Node]:
        """Elements of this name at any depth."""
        return (node for node in self.walk() if node.tag == tag)

    @property
    def text(self) -> str:
        """All text below it."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


class TreeReader(HTMLParser):
    """Builds the tree. ``repairs``: (line, what was repaired)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("document", {}, 1)
        self.repairs: list[tuple[int, str]] = []
        self._open = [self.root]
        self._script = ""
        self.xml: list[tuple[int, str]] = []
        """Texts of ``script type="text/xml"``, with the line on which each begins."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        attributes = {name: value or "" for name, value in attrs}
        line = self.getpos()[0]
        for name in [name for name in attributes if name.startswith("on")]:
            self.repairs.append((line, f"The script in the attribute {name} was taken out."))
            del attributes[name]
        for value in attributes.values():
            if value.strip().lower().startswith("javascript:"):
                self.repairs.append((line, "A javascript: address was taken out."))
        if tag == "script":
            self._script = "xml" if "xml" in attributes.get("type", "") else "script"
            if self._script == "script":
                self.repairs.append((line, "A script was taken out."))
            else:
                self.xml.append((line, ""))
            return
        while len(self._open) > 1 and self._open[-1].tag in _CLOSES.get(tag, ()):
            self._open.pop()
        node = Node(tag, attributes, line)
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser: an element that ends where it begins."""
        self.handle_starttag(tag, attrs)
        if tag == "script":
            self._script = ""
        elif tag not in VOID and self._open[-1].tag == tag:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser: what was left open inside is closed with it; an end without a beginning is passed over."""
        if tag == "script":
            self._script = ""
            return
        if tag in VOID:
            return
        places = [n for n, node in enumerate(self._open) if node.tag == tag and n > 0]
        if not places:
            self.repairs.append((self.getpos()[0], f"An end of <{tag}> without a beginning was passed over."))
            return
        for node in self._open[places[-1] + 1 :]:
            if node.tag not in ("p", "li", "td", "th", "tr", "option", "tbody", "dd", "dt"):
                self.repairs.append((node.line, f"<{node.tag}> was not closed."))
        del self._open[places[-1] :]

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        if self._script == "xml":
            line, text = self.xml[-1]
            self.xml[-1] = (line, text + data)
        elif not self._script and not any(node.tag in _DROPPED for node in self._open):
            self._open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        """See HTMLParser: template attributes stand in a comment in some files."""
        if "<template_attributes" in data.lower():
            self.repairs.append((self.getpos()[0], "The template attributes stood in a comment."))
            self.xml.append((self.getpos()[0], data))


def read_tree(text: str) -> TreeReader:
    """Read HTML; never fails."""
    reader = TreeReader()
    reader.feed(text)
    reader.close()
    return reader
