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
from django.utils.translation import gettext, pgettext

PATTERNS = (
    "{day}-{month}-{year}", "{day}-{month}", "{seconds} s", "{minutes} min", "{hours} h {minutes}",
    "{days} d {hours} h", "{years} y", "{months} mo", "{days} d",
)  # fmt: skip
"""How times and ages are written; each is a message of the catalogue."""

register = template.Library()

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@register.filter
def day(value: date | datetime | None) -> str:
    """``14-Jul-1945``, in German ``14. Jul 1945``."""
    if not value:
        return ""
    if isinstance(value, datetime):
        value = timezone.localtime(value)
    return _say(
        "{day}-{month}-{year}",
        day=f"{value.day:02d}",
        month=pgettext("month", MONTHS[value.month - 1]),
        year=value.year,
    )


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
        date_of_year = _say("{day}-{month}", day=f"{local.day:02d}", month=pgettext("month", MONTHS[local.month - 1]))
        return f"{date_of_year} {clock(value)}"
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
        return _say("{seconds} s", seconds=seconds)
    if minutes < 60:
        return _say("{minutes} min", minutes=minutes)
    hours = minutes // 60
    if hours < 24:
        return _say("{hours} h {minutes}", hours=hours, minutes=f"{minutes % 60:02d}")
    return _say("{days} d {hours} h", days=hours // 24, hours=hours % 24)


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
        return _say("{years} y", years=months // 12)
    return _say("{months} mo", months=months) if months >= 2 else _say("{days} d", days=(today - born).days)


def _say(pattern: str, **values: str | int) -> str:
    """A time by its pattern in the catalogue."""
    return gettext(pattern).format(**values)


@register.simple_tag
def server_now() -> str:
    """The server's clock for ``clocks.js``, ISO 8601 with milliseconds."""
    return timezone.now().isoformat(timespec="milliseconds")
