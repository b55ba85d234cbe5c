"""Home, profile, alarms."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import activate, get_language
from django.views.decorators.http import require_POST, require_safe

from ris.kernel.clock import now
from ris.kernel.models import Delivery
from ris.kernel.relay import retry_stuck

from .http import actor_of, go, page, user_of
from .models import User
from .navigation import ALARM_CANS, HOMES, alarms_for
from .roles import Can
from .selectors import permissions_of, sites_for
from .services import set_preferences


@require_safe
@page()
def home(request: HttpRequest) -> HttpResponse:
    """The first screen of the user's role."""
    cans = permissions_of(user_of(request))
    route = next((route for can, route in HOMES if can in cans), "people:profile")
    return HttpResponseRedirect(reverse(route))


@page()
def profile(request: HttpRequest) -> HttpResponse:
    """The user's roles, sites, theme, time zone and keys; POST saves theme and zone."""
    user = user_of(request)
    if request.method == "POST":
        zone, theme = request.POST.get("time_zone", user.time_zone), request.POST.get("theme", user.theme)
        language = request.POST.get("language", user.language)
        set_preferences(user, theme=theme, time_zone=zone, language=language, actor=actor_of(request), at=now())
        activate(language or get_language() or "en")  # what is said of it is said in the new one
        return go(request, reverse("people:profile"), "Saved.")
    context = {
        "zones": sorted(available_timezones()),
        "themes": User.THEMES,
        "languages": settings.LANGUAGES,
        "cans": sorted(can.value for can in permissions_of(user)),
        "sites": _sites(user),
    }
    return render(request, "people/profile.html", context)


def _sites(user: User) -> list[str]:
    names = {site.name for can in permissions_of(user) for site in sites_for(user, can)}
    return sorted(names)


@require_POST
@page()
def theme(request: HttpRequest) -> HttpResponse:
    """Set the theme (system, light or dark) from the button in the navigation; 204."""
    user = user_of(request)
    set_preferences(user, theme=request.POST.get("theme", ""), time_zone=user.time_zone,
                    language=user.language, actor=actor_of(request), at=now())  # fmt: skip
    return HttpResponse(status=204)


@require_safe
@page(*ALARM_CANS, Can.SEE_AUDIT)
def alarms(request: HttpRequest) -> HttpResponse:
    """Alarms that are open, or with ``?show=over`` those that are over; and stuck deliveries to subscribers."""
    cans = permissions_of(user_of(request))
    rows = alarms_for(cans).order_by("cleared_at", "-last_at")
    over = request.GET.get("show") == "over"
    rows = rows.filter(cleared_at__isnull=not over)
    if over:
        rows = rows.order_by("-cleared_at")
    context = {
        "page": Paginator(rows, 50).get_page(request.GET.get("page")),
        "over": over,
        "open_count": alarms_for(cans).filter(cleared_at__isnull=True).count(),
        "stuck": Delivery.objects.filter(state=Delivery.STUCK).select_related("record")[:50]
        if cans & set(ALARM_CANS)
        else (),
        "may_retry": bool(cans & {Can.MEND_MESSAGES, Can.SET_UP}),
    }
    return render(request, "people/alarms.html", context)


@require_POST
@page(Can.MEND_MESSAGES, Can.SET_UP)
def retry_delivery(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Queue a stuck delivery to a subscriber again."""
    retry_stuck(delivery_id, at=now())
    return go(request, reverse("people:alarms"), "It will be tried again now.")
