"""Words of templates in the language of who reads them. The loader puts ``{% text %}`` around each by itself."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.template.base import FilterExpression, Node, NodeList, Parser, TextNode, Token, VariableNode
from django.template.context import Context
from django.utils.html import conditional_escape, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, ngettext

from ris.kernel.language.catalogue import say as say_text
from ris.kernel.language.catalogue import script_table

register = template.Library()

_HOLE = re.compile("\x00(\\d+)\x00")
_OPENING = re.compile(r"<([a-z]+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_PLURAL = re.compile(r'^(.*)\|pluralize(?::"([^"]*)")?$')
_SPACE = re.compile(r"\s+")
_PLACE = re.compile(r"(\{\w+\}|<\w+>)")


class TextSegment(Node):
    """One sentence: looked up with its variables as ``{name}`` and its elements as ``<a>``, then filled in."""

    def __init__(self, nodes: NodeList, parser: Parser) -> None:
        self.nodelist = nodes
        self.parts: dict[str, NodeList] = {}
        self.number: FilterExpression | None = None
        raw = "".join(node.s if isinstance(node, TextNode) else f"\x00{n}\x00" for n, node in enumerate(nodes))
        raw = _SPACE.sub(" ", _OPENING.sub(lambda tag: self._element(tag, nodes), raw))
        self.singular = _HOLE.sub(lambda hole: self._variable(nodes[int(hole[1])], parser, 0), raw)
        self.plural = _HOLE.sub(lambda hole: self._variable(nodes[int(hole[1])], parser, 1), raw)
        self.split: dict[str, list[str]] = {}

    def _element(self, tag: re.Match[str], nodes: NodeList) -> str:
        source = NodeList()
        for position, part in enumerate(re.split("\x00(\\d+)\x00", tag[0])):
            source.append(nodes[int(part)] if position % 2 else TextNode(part))
        return self._place(f"<{tag[1]}%s>", source) if tag[2] else str(tag[0])

    def _variable(self, node: Node, parser: Parser, form: int) -> str:
        expression = str(node.filter_expression.token) if isinstance(node, VariableNode) else ""
        if plural := _PLURAL.match(expression):
            endings = (plural[2] or "s").split(",")
            self.number = parser.compile_filter(plural[1])
            return str(endings[form] if len(endings) == 2 else endings[0] * form)
        name = re.sub(r"\W", "", expression.split("|")[0].split(".")[-1]) or "value"
        return self._place("{" + name + "%s}", NodeList([node]))

    def _place(self, pattern: str, nodes: NodeList) -> str:
        source = "".join(str(node) for node in nodes)
        for number in ("", *range(2, 20)):
            place: str = pattern % number
            if place not in self.parts:
                self.parts[place] = nodes
            if "".join(str(node) for node in self.parts[place]) == source:
                return place
        raise template.TemplateSyntaxError("a sentence with more than 20 different variables of one name")

    def render(self, context: Context) -> SafeString:
        """The sentence, translated and filled in."""
        if self.number is None:
            text = gettext(self.singular)
        else:
            value = self.number.resolve(context, ignore_failures=True)
            count = value if isinstance(value, (int, float)) else _count(value)
            text = ngettext(self.singular, self.plural, int(count))
        if not self.parts:
            return mark_safe(text)  # noqa: S308  (ours: the template's words or the catalogue's)
        pieces = self.split.get(text)
        if pieces is None:
            pieces = self.split[text] = _PLACE.split(text)
        shown = [self.parts[piece].render(context) if piece in self.parts else piece for piece in pieces]
        return mark_safe("".join(shown))  # noqa: S308  (variables were escaped when they were rendered)


def _count(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return len(value) if hasattr(value, "__len__") else 0


@register.tag(name="text")
def text(parser: Parser, token: Token) -> TextSegment:
    """``{% text %}You act for <b>{{ name }}</b>.{% endtext %}``: one sentence for the catalogue."""
    nodes = parser.parse(("endtext",))
    parser.delete_first_token()
    return TextSegment(nodes, parser)


@register.filter
def small(value: Any) -> str:
    """``lower`` in English; in other languages, whose nouns may be written large, as it is."""
    return str(value).lower() if (get_language() or "en").startswith("en") else str(value)


@register.simple_tag
def script_words() -> SafeString:
    """The words that scripts say, as JSON that the browser does not run; none in English (``static/js/words.js``)."""
    return json_script(script_table(), "script-words") if script_table() else mark_safe("")


@register.filter
def say(value: Any) -> Any:
    """Words that Python code made, translated: ``{{ message|say }}``; lists one by one; other values as they are."""
    if value is None or value == "" or isinstance(value, (int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [say(one) for one in value]
    said = say_text(str(value))
    return mark_safe(said) if hasattr(value, "__html__") else conditional_escape(said)  # noqa: S308
