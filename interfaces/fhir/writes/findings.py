"""Results of AI from FHIR: Observation, and a device's DiagnosticReport with Observations; rows as ORU makes them."""

from __future__ import annotations

from django.db import transaction

from interfaces.dicom.workitems.orchestration import complete_work_of
from interfaces.dicom.workitems.services import require_worker
from ris.access.visibility import open_rows
from ris.kernel.errors import NotFound
from ris.orders.models import RequestedProcedure
from ris.people.roles import Can
from ris.people.selectors import sites_for
from worklist import services as worklist
from worklist.models import AiFlag
from worklist.selectors import visible_items

from ..resources.findings import VERDICTS
from .body import Element
from .orders import Caller


@transaction.atomic
def create_observation(resource: Element, caller: Caller) -> tuple[AiFlag, bool]:
    """Take in an AI result about an exam of the worklist: the same row as by HL7 and REST. Again: nothing changes.

    ``device.display`` names the algorithm, ``code`` what was looked for, ``valueBoolean`` or ``interpretation`` whether
    it was found; ``component`` may give its score, ``effectiveDateTime`` says when. The algorithm's workitem is
    completed by it, and the case that waits for it opened.
    """
    vendor = resource.get("device").required("Say who found it: device.").get("display").text(most=64)
    if not vendor:
        resource.get("device").refuse("The display of the device is wanted: the name of the algorithm.")
    return _take_in(resource, _procedure_of(resource, caller), vendor, caller)


@transaction.atomic
def create_report(resource: Element, caller: Caller) -> tuple[AiFlag, bool]:
    """Take in the report of a device: each Observation of ``result``, contained in it, as one by itself.

    Answers with the first of them. Raises Invalid for a report without a device: people's are written in the room.
    """
    contained = {f"#{one.get('id').text()}": one for one in resource.each("contained")}
    results = [contained.get(one.get("reference").text()) for one in resource.each("result")]
    found = [one for one in results if one is not None and one.get("resourceType").text() == "Observation"]
    if not found or len(found) < len(results):
        resource.get("result").refuse("A device's report refers to Observations that are contained in it.")
    procedure = _procedure_of(resource, caller)
    taken = [_take_in(one, procedure, _device_name(one, contained), caller) for one in found]
    return taken[0]


def _device_name(observation: Element, contained: dict[str, Element]) -> str:
    device = observation.get("device").required("A report is taken from a device only: say which one found it.")
    whole = contained.get(device.get("reference").text())
    names = [one.get("name").text(most=64) for one in whole.each("deviceName")] if whole else []
    name = next(filter(None, [device.get("display").text(most=64), *names]), "")
    if not name:
        device.refuse("The display of the device, or a contained Device with a deviceName, is wanted.")
    return name


def _take_in(resource: Element, procedure: RequestedProcedure, vendor: str, caller: Caller) -> tuple[AiFlag, bool]:
    codes = resource.get("code").required("Say what was looked for: code.").codings()
    if not codes:
        resource.get("code").refuse("A coding with its code is wanted.")
    complete_work_of(procedure.pk, vendor, actor=caller.actor, at=caller.at)  # it may open the case that waits
    item = visible_items(caller.user).filter(procedure=procedure).first()
    if item is None:
        raise NotFound("There is no such exam on the worklist.", at=f"{resource.path}.partOf")
    flag = worklist.note_ai_result(
        item.pk, vendor=vendor, code=codes[0].value, positive=_is_positive(resource), score=_score(resource),
        result_at=resource.get("effectiveDateTime").moment() or caller.at, actor=caller.actor, at=caller.at,
    )  # fmt: skip
    return flag, flag.received_at == caller.at


def _procedure_of(resource: Element, caller: Caller) -> RequestedProcedure:
    lists = (("partOf", "ImagingStudy"), ("imagingStudy", "ImagingStudy"), ("basedOn", "ServiceRequest"))
    pks = [pk for name, kind in lists for one in resource.each(name) if (pk := one.reference(kind))]
    if not pks:
        resource.get("basedOn").refuse("Say of which exam: a reference to an ImagingStudy or ServiceRequest.")
    require_worker(caller.user)
    sites = sites_for(caller.user, Can.SEE_WORKLIST)
    rows = RequestedProcedure.objects.filter(pk=pks[0], order__site__in=sites)
    procedure = open_rows(rows, caller.user, patient="order__patient", site="order__site").first()
    if procedure is None:
        raise NotFound("There is no such exam on the worklist.", at=f"{resource.path}.partOf")
    return procedure


def _is_positive(resource: Element) -> bool:
    value = resource.get("valueBoolean").value
    if isinstance(value, bool):
        return value
    verdicts = {code: verdict for verdict, (code, _) in VERDICTS.items()}
    said = [code.value for one in resource.each("interpretation") for code in one.codings()]
    known = [verdicts[code] for code in said if code in verdicts]
    if not known:
        resource.get("valueBoolean").refuse("Say whether it was found: valueBoolean, or interpretation POS or NEG.")
    return known[0]


def _score(resource: Element) -> float | None:
    for component in resource.each("component"):
        value = component.get("valueQuantity").get("value")
        if value and not isinstance(value.value, bool) and isinstance(value.value, int | float):
            return float(value.value)
    return None
