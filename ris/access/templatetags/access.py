"""The banner that every page bears while an emergency access of its user runs."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from ris.access.selectors import running_accesses
from ris.kernel.clock import now
from ris.people.models import User

register = template.Library()


@register.inclusion_tag("ui/emergency.html", takes_context=True)
def emergency_banner(context: Context) -> dict[str, Any]:
    """Which patients are open by it, until when, and the button that ends it."""
    request = context.get("request")
    user = getattr(request, "user", None)
    rows = running_accesses(user, now()) if isinstance(user, User) else []
    return {"accesses": rows, "request": request, "csrf_token": context.get("csrf_token")}
