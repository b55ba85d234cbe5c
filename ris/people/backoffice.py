"""The back office (``/admin/``): Django's forms for what is set up once, behind our permissions and with our audit.

Who may set up (``Can.SET_UP``) sees every site. What people do (orders, reports, messages, audit) is not set up and is
not here; it changes through services only.
"""

from __future__ import annotations

from functools import partial, wraps
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse

from ris.audit.services import record
from ris.kernel.clock import now

from .http import actor_of, page
from .roles import Can
from .selectors import permissions_of

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    SetUpForm = forms.ModelForm[Any]
else:
    ModelAdmin, SetUpForm = admin.ModelAdmin, forms.ModelForm

HERE_BY_OTHER_MEANS = ("login", "logout", "password_change", "password_change_done")
"""Names of Django's admin pages that are not served: our own log-in and profile do the same."""


class BackOffice(admin.AdminSite):
    """Django's admin for who may set up; everybody else gets the refusal, or the log-in, that every page gives."""

    site_header = site_title = "Wetread set-up"
    index_title = "What the house is made of"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")  # it deletes outside of the transaction that it audits in

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register subclasses of :class:`SetUp`, which audit. Other packages' admin pages do not, and are left out."""
        if admin_class is not None and issubclass(admin_class, SetUp):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return may_set_up(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def rendered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            # The template is rendered here, within page(), so that times are shown in the user's zone: what is sent
            # back is read in that zone.
            response: HttpResponse = guarded(request, *args, **kwargs)
            return response.render() if isinstance(response, SimpleTemplateResponse) else response

        return page(Can.SET_UP)(rendered)

    def get_urls(self) -> list[Any]:
        return [route for route in super().get_urls() if getattr(route, "name", "") not in HERE_BY_OTHER_MEANS]


def may_set_up(request: HttpRequest) -> bool:
    """Whether a role of the user's allows set-up; asked once for each request."""
    # An index page asks for each model five times.
    if not hasattr(request, "_may_set_up"):
        request._may_set_up = Can.SET_UP in permissions_of(request.user)  # type: ignore[attr-defined]
    return bool(request._may_set_up)  # type: ignore[attr-defined]


class Shaped(forms.JSONField):
    """A JSON value of the type of the column's default (a list of texts, or an object); code relies on that type."""

    def __init__(self, *, shape: type, **options: Any) -> None:
        super().__init__(**options)
        self.shape = shape

    def clean(self, value: Any) -> Any:
        given = super().clean(value)
        if given is None:
            return self.shape()
        if self.shape is dict and not isinstance(given, dict):
            raise forms.ValidationError('Give a table, as {"one": …}.')
        if self.shape is list and not (isinstance(given, list) and all(isinstance(item, str) for item in given)):
            raise forms.ValidationError('Give a list of texts, as ["one", "two"].')
        return given


def networks(given: list[str]) -> list[str]:
    """Return the list unchanged when each text is an IP address or a network. Raises ValidationError."""
    try:
        for text in given:
            ip_network(text, strict=False)
    except ValueError:
        raise forms.ValidationError('Give addresses or networks, as ["10.0.0.5", "10.1.0.0/16"].') from None
    return given


def is_a_zone(given: str) -> None:
    """Raises ValidationError for a time zone that does not exist."""
    if given not in available_timezones():
        raise forms.ValidationError("Give an IANA name, such as America/Chicago.")


class SetUp(ModelAdmin):
    """Rows that an administrator keeps. Each change is audited in its own transaction.

    ``removable``: rows may be deleted. Most may not, since history refers to them: they are switched off.
    """

    removable = False
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, models.JSONField) and db_field.default in (list, dict):
            kwargs["form_class"] = partial(Shaped, shape=db_field.default)
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "time_zone":
            field.validators.append(is_a_zone)
        return field

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_set_up(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_set_up(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_set_up(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_set_up(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.removable and may_set_up(request)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        record(actor_of(request), "set-up.add", obj, at=now())
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        record(actor_of(request), "set-up.change", obj, at=now(), fields=_fields(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for row in queryset:
            record(actor_of(request), "set-up.remove", row, at=now())
        return super().log_deletions(request, queryset)


def _fields(message: Any) -> list[str]:
    """The labels of the changed fields, from Django's change message. Values may be secrets and stay out."""
    parts = message if isinstance(message, list) else []
    return [name for part in parts for name in part.get("changed", {}).get("fields", [])]
