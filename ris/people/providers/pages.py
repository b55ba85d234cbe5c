"""Role mappings for who sets up, with what the providers need to know; and one's own connections to providers."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.saml.views import finish_acs
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from lxml.etree import LxmlError

from ris.audit.services import record
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.values import read_id

from ..http import actor_of, go, page, user_of
from ..login.token_pages import privileged
from ..models import RefusedLogIn, RoleMapping
from ..roles import Can, Role
from .adapter import refuse_answer
from .configuration import OIDC, IdentityProvider
from .services import add_mapping, remove_mapping

MOST_REFUSALS = 50


@page(Can.SET_UP)
def role_mappings(request: HttpRequest) -> HttpResponse:
    """The table of mappings and who was refused; POST adds a mapping, after asking anew who is there."""
    if request.method == "POST":
        return _add(request)
    context = {
        "rows": RoleMapping.objects.select_related("site"),
        "providers": [(provider, _addresses(request, provider)) for provider in settings.IDENTITY_PROVIDERS.values()],
        "roles": list(Role),
        "sites": Site.objects.order_by("code"),
        "refused": RefusedLogIn.objects.order_by("-at", "-pk")[:MOST_REFUSALS],
        "value": request.GET.get("value", ""),
    }
    return render(request, "people/role_mappings.html", context)


@privileged
def _add(request: HttpRequest) -> HttpResponse:
    site = request.POST.get("site", "")
    add_mapping(
        provider=request.POST.get("provider", ""),
        value=request.POST.get("value", ""),
        role=request.POST.get("role", ""),
        site_id=read_id(site, at="site") if site else None,
        actor=actor_of(request),
        at=now(),
    )
    return go(request, reverse("people:role-mappings"), "Saved. It counts from each person's next log-in.")


@require_POST
@page(Can.SET_UP)
@privileged
def remove(request: HttpRequest, mapping_id: int) -> HttpResponse:
    """Take a mapping away."""
    count = remove_mapping(mapping_id, actor=actor_of(request), at=now())
    return go(request, reverse("people:role-mappings"), f"Removed. Signed out by it: {count}.")


def _addresses(request: HttpRequest, provider: IdentityProvider) -> dict[str, str]:
    """What is registered with the provider: our address that it sends browsers back to."""
    if provider.kind == OIDC:
        route = {"Redirect URI": reverse("openid_connect_callback", args=[provider.id])}
    else:
        route = {
            "Metadata": reverse("saml_metadata", args=[provider.id]),
            "ACS": reverse("saml_acs", args=[provider.id]),
        }
    return {label: request.build_absolute_uri(path) for label, path in route.items()}


@require_POST
@page()
@privileged
def disconnect(request: HttpRequest, account_id: int) -> HttpResponse:
    """End the connection of one's own account with a provider; audited. Refused where no other log-in is left."""
    user = user_of(request)
    account = SocialAccount.objects.filter(pk=account_id, user=user).first()
    if account is None:
        raise NotFound("You have no such connection.")
    if not user.has_usable_password():
        raise Conflict("You have no password here: without the provider you could not log in.")
    record(actor_of(request), "people.provider-disconnect", user, at=now(), provider=account.provider)
    account.delete()
    return go(request, reverse("people:sessions"), "Disconnected.")


def finish_saml(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Read the provider's answer. What is no XML, or lacks what SAML wants, is refused like one that is not signed."""
    try:
        response: HttpResponse = finish_acs(request, organization_slug=organization_slug)
    except (LxmlError, ValueError):
        return refuse_answer(request, settings.IDENTITY_PROVIDERS[organization_slug])
    return response


@csrf_exempt  # it does nothing
def no_single_log_out(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """404: log-out at a provider does not reach us; sessions end by themselves."""
    raise Http404
