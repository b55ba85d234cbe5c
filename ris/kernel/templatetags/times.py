"""Dates and times as people read them: never digits only, always in the viewer's zone.

What is missing is shown as nothing: ``None``, and the empty text that a template makes of ``thing.at`` when there is
no thing. The page edge activates the viewer's zone (``ris.people.http.page``), so these filters need
no argument for it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@register.filter
def day(value: date | datetime | None) -> str:
    """``14-Jul-1945``."""
    if not value:
        return ""
    if isinstance(value, datetime):
        value = timezone.localtime(value)
    return f"{value.day:02d}-{MONTHS[value.month - 1]}-{value.year}"


@register.filter
def clock(value: datetime | None) -> str:
    """``18:49``, local."""
    return timezone.localtime(value).strftime("%H:%M") if value else ""


@register.filter
def moment(value: datetime | None) -> str:
    """``18:49`` today, ``14-Jul 18:49`` in this year, else with the year."""
    if not value:
        return ""
    local, today = timezone.localtime(value), timezone.localdate()
    if local.date() == today:
        return clock(value)
    if local.year == today.year:
        return f"{local.day:02d}-{MONTHS[local.month - 1]} {clock(value)}"
    return f"{day(value)} {clock(value)}"


@register.filter
def when(value: datetime | None) -> SafeString | str:
    """:func:`moment` as a ``<time>`` whose tooltip says date, seconds and zone."""
    if not value:
        return ""
    local = timezone.localtime(value)
    title = f"{day(value)} {local:%H:%M:%S} {local.tzname()}"
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), title, moment(value))


@register.filter
def span(value: timedelta | int | float | None) -> str:
    """A length of time (seconds, if a number): ``40 s``, ``12 min``, ``3 h 05``, ``2 d 4 h``."""
    if value is None or value == "":
        return ""
    seconds = int(abs(value.total_seconds() if isinstance(value, timedelta) else value))
    minutes = seconds // 60
    if minutes < 1:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60:02d}" if hours < 24 else f"{hours // 24} d {hours % 24} h"


@register.filter
def since(value: datetime | None) -> SafeString | str:
    """How long ago, kept up to date by ``clocks.js``."""
    if not value:
        return ""
    return format_html(
        '<time data-since datetime="{}" title="{} {}">{}</time>',
        value.isoformat(), day(value), clock(value), span(timezone.now() - value),
    )  # fmt: skip


@register.filter
def age(born: date | None) -> str:
    """``81 y``; under two years ``14 mo``, under two months ``12 d``. Empty for an unknown or future birth."""
    today = timezone.localdate()
    if not born or born > today:
        return ""
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months >= 24:
        return f"{months // 12} y"
    return f"{months} mo" if months >= 2 else f"{(today - born).days} d"


@register.simple_tag
def server_now() -> str:
    """The server's clock for ``clocks.js``, ISO 8601 with milliseconds."""
    return timezone.now().isoformat(timespec="milliseconds")
