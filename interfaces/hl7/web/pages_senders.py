"""Who sends, how their messages are taken, and what their values mean here: on screen."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.catalog.models import Procedure, Site
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import read_number
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require

from .. import selectors
from ..inbound.senders import set_up
from ..models import MapEntry, Peer
from ..translation import table_entries
from ..translation.code_tables import ATTRIBUTES, unknown_values_of
from ..translation.table_entries import BadTable
from .forms import PeerSettings

MOST_BYTES = 2_000_000
ALL = 0
"""Stands in addresses for the tables of all peers."""


@require_safe
@page(Can.SEE_MESSAGES)
def peers(request: HttpRequest) -> HttpResponse:
    """Every sender, with how many lines its tables have and how many of its values nobody mapped."""
    rows = selectors.peers_for(user_of(request))
    counted = rows.annotate(lines=Count("entries", distinct=True), unmapped=Count("unknown", distinct=True))
    context = {"peers": counted, "common": MapEntry.objects.filter(peer=None).count(), "all": ALL}
    return render(request, "hl7/peers.html", context)


@require_http_methods(["GET", "POST"])
@page(Can.SEE_MESSAGES)
def peer(request: HttpRequest, peer_id: int) -> HttpResponse:
    """GET: settings and tables (``?table=`` one of them). POST: the settings."""
    user = user_of(request)
    sender = selectors.peer_for(user, peer_id) if peer_id != ALL else None
    form = PeerSettings(request.POST or None, instance=sender) if sender else None
    if request.method == "POST":
        _may_mend(request, peer_id)
        if sender is None or form is None:
            raise Invalid("There are no settings for all peers.", at="peer")
        if form.is_valid():
            version = read_number(request.POST.get("version", ""), at="version")
            set_up(sender.pk, form.cleaned_data, version=version, actor=actor_of(request), at=now())
            return go(request, reverse("hl7:peer", args=[sender.pk]), "Saved. It holds from the next message on.")
    return render(
        request, "hl7/peer.html", _shown(request, user, sender, form), status=400 if form and form.errors else 200
    )


def _shown(request: HttpRequest, user: User, sender: Peer | None, form: Any) -> dict[str, Any]:
    entries = selectors.entries_for(user, sender.pk if sender else None)
    table = request.GET.get("table", "")
    return {
        "peer": sender,
        "peer_id": sender.pk if sender else ALL,
        "form": form,
        "tables": MapEntry.TABLES,
        "table": table,
        "entries": entries.filter(table=table) if table in dict(MapEntry.TABLES) else entries,
        "unknown": unknown_values_of(sender)[:100] if sender else [],
        "attributes": ATTRIBUTES.items(),
        "procedures": Procedure.objects.filter(active=True).order_by("code")[:2000],
        "sites": Site.objects.order_by("code"),
        "may_mend": Can.MEND_MESSAGES in permissions_of(user),
    }


@require_POST
@page(Can.MEND_MESSAGES)
def set_entry(request: HttpRequest, peer_id: int) -> HttpResponse:
    """Write one line; also how a value that nobody mapped is mapped."""
    _may_mend(request, peer_id)
    line = {name: request.POST.get(name, "") for name in table_entries.COLUMNS}
    entry = table_entries.set_entry(peer_id or None, **line, actor=actor_of(request), at=now())
    where = reverse("hl7:peer", args=[peer_id]) + f"?table={entry.table}"
    return go(request, where, "Mapped. It holds from the next message on; replay those that came before.")


@require_POST
@page(Can.MEND_MESSAGES)
def drop_entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Take one line out."""
    entry = selectors.entry_for(user_of(request), entry_id)
    peer_id = entry.peer_id or ALL
    _may_mend(request, peer_id)
    where = reverse("hl7:peer", args=[peer_id]) + f"?table={entry.table}"
    table_entries.drop_entry(entry.pk, actor=actor_of(request), at=now())
    return go(request, where, "Taken out.")


@require_http_methods(["GET", "POST"])
@page(Can.SEE_MESSAGES)
def as_csv(request: HttpRequest, peer_id: int) -> HttpResponse:
    """GET: the tables as a file. POST: a file takes their place; a bad row is named, and then nothing changes."""
    user = user_of(request)
    sender = selectors.peer_for(user, peer_id) if peer_id != ALL else None
    if request.method == "GET":
        selectors.entries_for(user, peer_id or None)
        name = f"tables-{peer_id or 'all'}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(
            table_entries.export_csv(peer_id or None), content_type="text/csv; charset=utf-8", headers=headers
        )
    _may_mend(request, peer_id)
    file = request.FILES.get("file")
    if file is None or (file.size or 0) > MOST_BYTES:
        raise Invalid("Choose a CSV file of at most 2 MB.", at="file")
    try:
        count = table_entries.import_csv(peer_id or None, _text(file.read()), actor=actor_of(request), at=now())
    except BadTable as bad:
        form = PeerSettings(instance=sender) if sender else None
        context = _shown(request, user, sender, form) | {"bad": bad.faults[:200], "more": len(bad.faults) - 200}
        return render(request, "hl7/peer.html", context, status=400)
    return go(request, reverse("hl7:peer", args=[peer_id]), f"{count} lines taken. They hold from the next message on.")


def _text(raw: bytes) -> str:
    """What spreadsheets write: UTF-8 with or without a mark, else Windows' own."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _may_mend(request: HttpRequest, peer_id: int) -> None:
    """Raise unless the user may change the settings and tables of that peer, or the tables of all."""
    user = user_of(request)
    require(user, Can.MEND_MESSAGES)
    if peer_id == ALL:
        selectors.require_house(user)
    else:
        selectors.peer_for(user, peer_id)
