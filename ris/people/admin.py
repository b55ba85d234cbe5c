"""Set-up of people (who logs in, in which roles, at which sites) and of the catalog.

The catalog's forms stand here since the catalog lies a layer below people and does not know the back office.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from ris.catalog.models import Device, Procedure, Site, Subspecialty
from ris.kernel.clock import now

from .backoffice import SetUp
from .http import actor_of
from .login.leavers import leave
from .login.policy import SEALED
from .login.token_pages import is_recent
from .models import AccessRule, LoginRule, User
from .roles import Role
from .selectors import granted_sites
from .services import grant, withdraw


class Privileged(SetUp):
    """Rows whose changes need a password or second factor that was shown within five minutes."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Add or change a row."""
        return self.after_asking(request, lambda: super(Privileged, self).changeform_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Remove a row."""
        return self.after_asking(request, lambda: super(Privileged, self).delete_view(request, *args, **kwargs))

    def after_asking(self, request: HttpRequest, change: Callable[[], HttpResponse]) -> HttpResponse:
        """Ask who is there before a change. The form must be filled in anew: it may hold a password and is not kept."""
        if request.method != "POST" or is_recent(request):
            return change()
        messages.info(request, "Nothing is saved yet: fill the form in again.")
        return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': request.path})}")


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A new user."""

    class Meta(AdminUserCreationForm.Meta):
        model = User


class PersonForm(UserChangeForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A person, with their roles and sites as boxes to tick."""

    roles = forms.MultipleChoiceField(
        choices=[(role.value, role.value.capitalize()) for role in Role],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    sites = forms.ModelMultipleChoiceField(
        Site.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Roles count at these sites only.",
    )

    class Meta(UserChangeForm.Meta):
        model = User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["roles"] = list(self.instance.groups.values_list("name", flat=True))
            self.initial["sites"] = list(granted_sites(self.instance))


@admin.register(User)
class PersonAdmin(Privileged, UserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Users in the back office."""

    form = PersonForm
    add_form = NewPersonForm
    list_display = ("username", "first_name", "last_name", "title", "is_active")
    list_filter = ("is_active", "groups")
    filter_horizontal = ()  # UserAdmin names groups and user_permissions here, which this form does not have
    fieldsets = (
        (None, {"fields": ("username", "password", "is_active", "leaves_at")}),
        ("Person", {"fields": ("first_name", "last_name", "title", "npi", "email", "time_zone")}),
        ("May do", {"fields": ("roles", "sites")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser is changed by a superuser only: an administrator must not become one by their password."""
        allowed = super().has_change_permission(request, obj)
        if obj is None or not allowed:
            return allowed
        # The sealed account is opened on the server only.
        return obj.get_username() != SEALED and (not obj.is_superuser or bool(request.user.is_superuser))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Somebody's new password."""
        return self.after_asking(request, lambda: super(PersonAdmin, self).user_change_password(request, id, form_url))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not change:  # the form for a new user has no boxes for roles and sites
            return
        person, actor, at = form.instance, actor_of(request), now()
        if "is_active" in form.changed_data and not person.is_active:
            leave(person, reason="switched off in the set-up", actor=actor, at=at)
        # Groups that are no role of ours (another package's, an old version's) stay as they are.
        had_roles = {Role(name) for name in person.groups.values_list("name", flat=True) if name in set(Role)}
        had_sites = set(granted_sites(person))
        roles = {Role(name) for name in form.cleaned_data["roles"]}
        sites = set(form.cleaned_data["sites"])
        if roles - had_roles or sites - had_sites:
            grant(person, roles=sorted(roles - had_roles), sites=sites - had_sites, actor=actor, at=at)
        if had_roles - roles or had_sites - sites:
            withdraw(person, roles=sorted(had_roles - roles), sites=had_sites - sites, actor=actor, at=at)


@admin.register(LoginRule)
class LoginRuleAdmin(Privileged):
    """What roles and sites demand of log-ins, in the back office."""

    list_display = ("__str__", "second_factor", "idle_minutes")
    removable = True

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "role":
            roles = [(role.value, role.value.capitalize()) for role in Role]
            return forms.ChoiceField(choices=[("", "Every role"), *roles], required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(AccessRule)
class AccessRuleAdmin(SetUp):
    """Of which patients a role is shown something, in the back office."""

    list_display = ("role", "site", "reach")
    removable = True


@admin.register(Site)
class SiteAdmin(SetUp):
    """Sites in the back office."""

    list_display = ("code", "name", "time_zone", "accession_prefix", "assigning_authority")


@admin.register(Subspecialty)
class SubspecialtyAdmin(SetUp):
    """Subspecialties in the back office."""

    list_display = ("code", "name")


@admin.register(Device)
class DeviceAdmin(SetUp):
    """Devices in the back office."""

    list_display = ("ae_title", "name", "modality", "room", "site", "active")
    list_filter = ("site", "modality", "active")
    search_fields = ("ae_title", "name", "room")


@admin.register(Procedure)
class ProcedureAdmin(SetUp):
    """Procedures in the back office."""

    list_display = ("code", "coding_system", "name", "modality", "body_region", "subspecialty", "active")
    list_filter = ("modality", "subspecialty", "active")
    search_fields = ("code", "name", "cpt")
