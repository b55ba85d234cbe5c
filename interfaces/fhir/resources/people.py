"""Practitioner, PractitionerRole, Organization, Location and Device: who and what works where."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from reporting.models import ReportVersion
from ris.catalog.models import Device, Site
from ris.people.models import SiteUserPermission, User
from ris.people.selectors import permissions_of, sites_for

from ..datatypes import DCM, NPI, TERMINOLOGY, URN, Json, coding, concept, identifier, reference
from ..resource_type import Page, ResourceType
from ..search.parameters import (
    NOBODY,
    SearchParameter,
    Term,
    choice_parameter,
    reference_parameter,
    string_parameter,
    token_parameter,
)

SITE_CODE = f"{URN}site"
AE_TITLE = f"{URN}ae-title"


def sites_of(viewer: User) -> QuerySet[Site]:
    """The sites at which the viewer may do anything."""
    cans = sorted(permissions_of(viewer))
    return sites_for(viewer, cans[0]) if cans else Site.objects.none()


def _select_people(viewer: User) -> QuerySet[User]:
    """Who works at the viewer's sites, and who released a report there."""
    sites = sites_of(viewer).values("pk")
    colleagues = SiteUserPermission.objects.filter(content_object__in=sites).values("user")
    authors = ReportVersion.objects.filter(report__item__site__in=sites).values("author")
    return User.objects.filter(Q(pk__in=colleagues) | Q(pk__in=authors) | Q(pk=viewer.pk))


def _build_practitioner(user: User, page: Page) -> Json:
    known = user.first_name or user.last_name
    name = {"text": user.display_name, "family": user.last_name, "given": [user.first_name], "suffix": [user.title]}
    return {
        "identifier": [identifier(NPI, user.npi)],
        "active": user.is_active,
        "name": [name if known else {"text": user.display_name}],
    }


PRACTITIONER = ResourceType(
    name="Practitioner",
    model=User,
    visible=_select_people,
    load=lambda rows: rows,
    build=_build_practitioner,
    own_parameters=(
        token_parameter("identifier", lambda term: Q(npi=term.token()[1]) if term.token()[1] else NOBODY),
        string_parameter("family", "last_name"),
        string_parameter("given", "first_name"),
        string_parameter("name", "last_name", "first_name"),
        choice_parameter("active", {"true": Q(is_active=True), "false": Q(is_active=False)}, is_closed=True),
    ),
)


def _select_roles(viewer: User) -> QuerySet[SiteUserPermission]:
    return SiteUserPermission.objects.filter(
        content_object__in=sites_of(viewer).values("pk"), permission__codename="work_at"
    )


def _build_role(row: SiteUserPermission, page: Page) -> Json:
    user, site = row.user, row.content_object
    return {
        "active": user.is_active,
        "practitioner": reference("Practitioner", user.pk, user.display_name),
        "organization": reference("Organization", site.pk, site.name),
        "code": [{"coding": [coding(f"{URN}role", role.name, role.name)]} for role in user.groups.all()],
        "location": [reference("Location", site.pk, site.name)],
    }


def _by_role(term: Term) -> Q:
    return Q(user__in=User.objects.filter(groups__name=term.token()[1]).values("pk"))


PRACTITIONER_ROLE = ResourceType(
    name="PractitionerRole",
    model=SiteUserPermission,
    visible=_select_roles,
    load=lambda rows: rows.select_related("user", "content_object").prefetch_related("user__groups"),
    build=_build_role,
    own_parameters=(
        reference_parameter("practitioner", "user", "Practitioner", path="practitioner"),
        reference_parameter("organization", "content_object", "Organization", path="organization"),
        reference_parameter("location", "content_object", "Location", path="location"),
        token_parameter("role", _by_role),
    ),
)


def _by_site_code(term: Term) -> Q:
    return Q(code=term.token()[1])


def _organization(row: Site, page: Page) -> Json:
    return {
        "identifier": [identifier(SITE_CODE, row.code)],
        "active": True,
        "type": [concept(coding(f"{TERMINOLOGY}organization-type", "prov", "Healthcare Provider"))],
        "name": row.name,
    }


SITE_PARAMETERS: tuple[SearchParameter, ...] = (
    token_parameter("identifier", _by_site_code),
    string_parameter("name", "name"),
)
ORGANIZATION = ResourceType(
    name="Organization",
    model=Site,
    visible=sites_of,
    load=lambda rows: rows,
    build=_organization,
    own_parameters=SITE_PARAMETERS,
)


def _location(row: Site, page: Page) -> Json:
    return {
        "identifier": [identifier(SITE_CODE, row.code)],
        "status": "active",
        "name": row.name,
        "mode": "instance",
        "managingOrganization": reference("Organization", row.pk, row.name),
    }


LOCATION = ResourceType(
    name="Location",
    model=Site,
    visible=sites_of,
    load=lambda rows: rows,
    build=_location,
    own_parameters=(
        *SITE_PARAMETERS,
        reference_parameter("organization", "pk", "Organization", path="managingOrganization"),
    ),
)


def _device(row: Device, page: Page) -> Json:
    return {
        "identifier": [identifier(AE_TITLE, row.ae_title)],
        "status": "active" if row.active else "inactive",
        "deviceName": [{"name": row.name or row.ae_title, "type": "user-friendly-name"}],
        "type": concept(coding(DCM, row.modality)),
        "owner": reference("Organization", row.site_id, row.site.name),
        "location": reference("Location", row.site_id, row.site.name),
        "note": [{"text": row.room}] if row.room else [],
    }


def _select_devices(viewer: User) -> QuerySet[Device]:
    return Device.objects.filter(site__in=sites_of(viewer))


def _choices(column: str) -> dict[str, Any]:
    return {"active": Q(**{column: True}), "inactive": Q(**{column: False})}


DEVICE = ResourceType(
    name="Device",
    model=Device,
    visible=_select_devices,
    load=lambda rows: rows.select_related("site"),
    build=_device,
    own_parameters=(
        token_parameter("identifier", lambda term: Q(ae_title=term.token()[1])),
        string_parameter("device-name", "name"),
        token_parameter("type", lambda term: Q(modality=term.token()[1])),
        choice_parameter("status", _choices("active")),
        reference_parameter("organization", "site", "Organization", path="owner"),
        reference_parameter("location", "site", "Location", path="location"),
    ),
)
