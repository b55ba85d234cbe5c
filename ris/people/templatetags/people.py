"""What the frame of every page (``ui/nav.html``) asks about its user."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from ris.people.demo.tour import TOURS
from ris.people.keys import BY_NAME, KEYS, RESERVED, key_caps
from ris.people.navigation import ALARM_CANS, ALARM_PAGES, NAVIGATION, alarms_for
from ris.people.roles import Can
from ris.people.selectors import granted_sites, permissions_of, role_names_of, sites_of

register = template.Library()


@register.inclusion_tag("ui/nav.html", takes_context=True)
def navigation(context: Context) -> dict[str, Any]:
    """The links that this user may open; the one whose page is shown is marked."""
    request = context["request"]
    cans = permissions_of(request.user)
    sections = []
    for title, links in NAVIGATION.items():
        shown = []
        for link in links:
            if link.cans & cans:
                url = reverse(link.route)
                shown.append({"link": link, "url": url, "here": _is_here(url, request.path)})
        if shown:
            sections.append({"title": title, "links": shown})
    sees_alarms = cans & {*ALARM_CANS, Can.SEE_AUDIT}
    alarms = alarms_for(cans).filter(cleared_at__isnull=True).count() if sees_alarms else 0
    frame = {"sections": sections, "alarms": alarms, "user": request.user, "tours": settings.RIS.demo_log_in}
    return frame | _acting(request.user)


def _acting(user: Any) -> dict[str, Any]:
    """As what, and where, the user acts: ``Radiologist · north, south``, and its two parts."""
    roles = [gettext(name.capitalize()) for name in sorted(role_names_of(user))]
    # A superuser works everywhere: only what was granted says where.
    sites = granted_sites(user).order_by("code") if user.is_superuser else sites_of(user)
    codes = [site.code for site in sites]
    parts = [
        ", ".join(roles) or (gettext("Superuser") if user.is_superuser else gettext("No role yet")),
        ", ".join(codes),
    ]
    whole = " · ".join(filter(None, parts))
    if user.acting is not None:
        whole = f"{gettext('for')} {user.acting.user.display_name} · {whole}"
    return {"acting": whole, "acting_parts": parts}


@register.inclusion_tag("ui/tour.html", takes_context=True)
def tour(context: Context) -> dict[str, Any]:
    """The tour of the user's role; in the demo only."""
    names = role_names_of(context["request"].user) if settings.RIS.demo_log_in else ()
    role = next((role for role in TOURS if role in names), None)
    if role is None:
        return {}
    stops = [{"url": reverse(s.route), "spot": s.spot, "title": s.title, "text": s.text} for s in TOURS[role]]
    return {"name": role.value, "stops": stops}


@register.simple_tag(takes_context=True)
def may(context: Context, *names: str) -> bool:
    """``{% may "place_orders" as x %}``: does the user's role include one of these?"""
    return bool(permissions_of(context["request"].user) & {Can(name) for name in names})


@register.simple_tag
def key(name: str) -> SafeString:
    """The attributes that give an element the key of an action of ``ris.people.keys``. Raises KeyError."""
    action = BY_NAME[name]
    return format_html(
        'data-key="{}" data-key-name="{}" data-key-label="{}"', action.default, name, gettext(action.label)
    )


@register.simple_tag
def key_table() -> SafeString:
    """The table of keys for ``profile.js``, as JSON in a script element that the browser does not run."""
    rows = [{"name": k.name, "label": gettext(k.label), "key": k.default, "screens": sorted(k.screens)} for k in KEYS]
    return json_script({"keys": rows, "reserved": {key: gettext(what) for key, what in RESERVED.items()}}, "key-table")


@register.filter
def keycap(name: str) -> str:
    """The key of an action as it is drawn on its button; ``keys.js`` puts the person's own key there."""
    return key_caps(BY_NAME[name].default)


@register.filter
def alarm_page(kind: str) -> str:
    """The address where the cause of an alarm is dealt with; empty for a kind that has none."""
    route, query = ALARM_PAGES.get(kind, ("", ""))
    return reverse(route) + query if route else ""


@register.filter
def initials(user: Any) -> str:
    """Two letters for the disc beside a name."""
    letters = (user.first_name[:1] + user.last_name[:1]) or user.username[:2]
    return str(letters).upper()


def _is_here(url: str, path: str) -> bool:
    return path == url or (url != "/" and path.startswith(url))
