"""Apps on screen for who sets up: registered, changed, their grants ended. And for everybody: an app is opened."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.values import read_id
from ris.orders.models import RequestedProcedure
from ris.people.http import actor_of, go, page, user_of
from ris.people.login.token_pages import privileged
from ris.people.roles import Can

from . import apps
from .context import open_app
from .grants import end_grants
from .keys import endpoint, fhir_base
from .models import App
from .scopes import say_scope


@never_cache
@page(Can.SET_UP)
def list_apps(request: HttpRequest) -> HttpResponse:
    """All apps with their scopes and when each was used last; POST registers one, and shows its secret once."""
    if request.method == "POST":
        return _register(request)
    record(actor_of(request), "smart.view", user_of(request), at=now())
    return _list(request)


@privileged
def _register(request: HttpRequest) -> HttpResponse:
    intent = _intent(request.POST)
    try:
        app, secret = apps.register(intent, actor=actor_of(request), at=now())
    except Invalid as refusal:
        return _list(request, intent=intent, error=refusal.detail)
    return _show(request, app, secret=secret, is_new=True)


def _list(request: HttpRequest, *, intent: apps.AppIntent | None = None, error: str = "") -> HttpResponse:
    rows = App.objects.select_related("client", "account").annotate(granted=Count("grants")).order_by("client__name")
    shown = {"rows": rows, "form": intent or apps.NEW, "error": error, "base": fhir_base(), **_choices()}
    return render(request, "fhir/apps.html", shown, status=400 if error else 200)


def _choices() -> dict[str, object]:
    return {"kinds": App.KINDS, "sites": Site.objects.order_by("code")}


def _intent(values: QueryDict) -> apps.AppIntent:
    return apps.AppIntent(
        name=values.get("name", ""),
        kind=values.get("kind", ""),
        owner=values.get("owner", ""),
        scopes=tuple(values.get("scopes", "").split()),
        redirect_uris=tuple(values.get("redirect_uris", "").split()),
        launch_url=values.get("launch_url", "").strip(),
        jwks=values.get("jwks", ""),
        jwks_url=values.get("jwks_url", "").strip(),
        account=values.get("account", "").strip(),
        sites=tuple(read_id(text, at="sites") for text in values.getlist("sites")),
        is_active=bool(values.get("is_active", "")),
    )


@never_cache
@page(Can.SET_UP)
def show_app(request: HttpRequest, app_id: str) -> HttpResponse:
    """One app; POST changes it, which ends what people let it do."""
    app = apps.find_app(app_id)
    return _change(request, app) if request.method == "POST" else _show(request, app)


@privileged
def _change(request: HttpRequest, app: App) -> HttpResponse:
    intent = _intent(request.POST)
    try:
        apps.change(app.pk, intent, actor=actor_of(request), at=now())
    except Invalid as refusal:
        return _show(request, app, intent=intent, error=refusal.detail)
    return go(request, reverse("fhir:app", args=[app.pk]), "Saved. Whoever uses it lets it in anew.")


def _show(
    request: HttpRequest,
    app: App,
    *,
    secret: str = "",
    is_new: bool = False,
    intent: apps.AppIntent | None = None,
    error: str = "",
) -> HttpResponse:
    shown = {
        "app": app, "secret": secret, "is_new": is_new, "error": error, "base": fhir_base(),
        "token_url": endpoint("token"), "granted": app.grants.count(),
        "scopes": [(text, say_scope(text)) for text in app.client.get_scopes()],
        "form": intent or apps.intent_of(app), **_choices(),
    }  # fmt: skip
    return render(request, "fhir/app.html", shown, status=400 if error else 200)


@require_POST
@page(Can.SET_UP)
@privileged
def end_all(request: HttpRequest, app_id: str) -> HttpResponse:
    """End all that people let the app do: no token of it counts from now on."""
    count = end_grants(apps.find_app(app_id), actor=actor_of(request), at=now())
    return go(request, reverse("fhir:app", args=[app_id]), f"Ended: {count}.")


@never_cache
@require_POST
@page(Can.SET_UP)
@privileged
def show_new_secret(request: HttpRequest, app_id: str) -> HttpResponse:
    """A new secret, shown once."""
    secret = apps.renew_secret(app_id, actor=actor_of(request), at=now())
    return _show(request, apps.find_app(app_id), secret=secret)


@never_cache
@require_safe
@page()
def open_for_patient(request: HttpRequest, app_id: str, patient_id: int) -> HttpResponse:
    """Open the app for a patient."""
    return _open(request, app_id, patient_id, None)


@never_cache
@require_safe
@page()
def open_for_exam(request: HttpRequest, app_id: str, requested_procedure_id: int) -> HttpResponse:
    """Open the app for an exam and its patient."""
    rows = RequestedProcedure.objects.filter(pk=requested_procedure_id)
    patient_id = rows.values_list("order__patient", flat=True).first()
    return _open(request, app_id, patient_id or 0, requested_procedure_id)


def _open(request: HttpRequest, app_id: str, patient_id: int, procedure_id: int | None) -> HttpResponse:
    app = App.objects.filter(pk=app_id, is_active=True).exclude(launch_url="").first()
    if app is None:
        raise NotFound("There is no such app.")
    address = open_app(app, patient_id, procedure_id, user=user_of(request), actor=actor_of(request), at=now())
    return HttpResponse(status=302, headers={"Location": address, "Referrer-Policy": "no-referrer"})
