"""Questions about what can be ordered and where."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from ris.kernel.values import read_words

from .models import Device, DeviceProcedure, Procedure


def procedures_matching(text: str, *, modality: str = "") -> QuerySet[Procedure]:
    """Active procedures whose code begins with ``text``, or whose name, region and codes hold all of its words.

    Raises Invalid at ``code`` when the text is longer than any name.
    """
    words = read_words(text, at="code")
    procedures = Procedure.objects.filter(active=True)
    if modality:
        procedures = procedures.filter(modality=modality)
    by_words = Q()
    for word in words:  # names are searched in any place; CPT and LOINC as a whole, since parts of numbers mean nothing
        by_words &= (
            Q(name__icontains=word) | Q(body_region__icontains=word) | Q(modality__iexact=word) | Q(cpt=word)
            | Q(loinc=word)
        )  # fmt: skip
    return procedures.filter(by_words | Q(code__istartswith=text.strip())).order_by("name")


def devices_at(site_id: int, modality: str) -> QuerySet[Device]:
    """Active devices of a modality at a site."""
    return Device.objects.filter(site=site_id, modality=modality, active=True)


def minutes_on(device: Device | None, procedure: Procedure | None) -> int | None:
    """Minutes that the procedure takes on that device; None when nothing else than the catalog's is said."""
    if device is None or procedure is None:
        return None
    return DeviceProcedure.objects.filter(device=device, procedure=procedure).values_list("minutes", flat=True).first()
