"""Workitems (UPS, PS3.4 annex CC), who hears of them, and which algorithm is given which exam."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.catalog.models import Site
from ris.kernel.db.transitions import Stateful
from ris.orders.models import RequestedProcedure

from .. import states


class AiAlgorithm(models.Model):
    """An algorithm and the exams that it is given: each exam that fits becomes a workitem when it is completed."""

    name = models.CharField(max_length=64, unique=True, help_text="As its results name it: vendor of the AI result.")
    label = models.CharField("Worklist label", max_length=64, help_text="(0074,1202): what the algorithm asks for.")
    code = models.CharField(max_length=16, help_text="Scheduled Workitem Code (0040,4018), such as 110005.")
    code_system = models.CharField(max_length=16, default="DCM")
    code_meaning = models.CharField(max_length=64, help_text="What it does, such as Computer aided detection.")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: every site.")
    modalities = models.JSONField(default=list, blank=True, help_text="Empty: all.")
    regions = models.JSONField(default=list, blank=True, help_text="Body regions as in the catalog; empty: all.")
    procedures = models.JSONField(default=list, blank=True, help_text="Codes of the catalog; empty: all.")
    waits = models.BooleanField(
        "Read after it", default=False, help_text="The case is opened for reading once the result is there or overdue."
    )
    expires_minutes = models.PositiveIntegerField(default=30, help_text="Then the workitem is cancelled.")
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Workitem(Stateful):
    """A unit of work on the unified worklist. ``dataset`` is DICOM JSON, without state and Transaction UID."""

    uid = models.CharField("SOP Instance UID", max_length=64, unique=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="workitems")
    procedure = models.ForeignKey(
        RequestedProcedure, null=True, blank=True, on_delete=models.PROTECT, related_name="workitems"
    )
    algorithm = models.ForeignKey(
        AiAlgorithm, null=True, blank=True, on_delete=models.SET_NULL, related_name="workitems"
    )
    label = models.CharField("Worklist label", max_length=64)
    dataset = models.JSONField()
    transaction_uid = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Lock of whoever works at it."
    )
    performer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    station = models.CharField(max_length=16, blank=True, help_text="AE title that claimed it, where it said one.")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=states.WORKITEM_STATES), name="workitem_state"),
            models.UniqueConstraint(
                fields=["procedure", "algorithm"],
                condition=Q(state__in=[states.SCHEDULED, states.IN_PROGRESS]),
                name="workitem_one_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "label", "-id"], name="workitem_worklist"),
            models.Index(fields=["state", "expires_at"], name="workitem_expiry"),
        ]

    def __str__(self) -> str:
        return self.uid


class WorkitemSubscription(models.Model):
    """An AE that hears of one workitem, or of all that fit (``workitem`` is empty)."""

    aet = models.CharField("AE title", max_length=16)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="workitem_subscriptions")
    workitem = models.ForeignKey(Workitem, null=True, on_delete=models.CASCADE, related_name="subscriptions")
    filters = models.JSONField(default=dict, help_text="Keys of a filtered worklist; empty: all.")
    deletion_lock = models.BooleanField(default=False)
    suspended = models.BooleanField(default=False, help_text="New workitems are not subscribed to any more.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["aet", "workitem"], name="workitem_subscription_once"),
            models.UniqueConstraint(fields=["aet"], condition=Q(workitem=None), name="workitem_subscription_of_all"),
        ]

    def __str__(self) -> str:
        return f"{self.aet} → {self.workitem_id or 'all'}"


class WorkitemEvent(models.Model):
    """What an AE is told of a workitem; read by its websocket. Of one AE, ids grow in the order of commits."""

    aet = models.CharField(max_length=16)
    workitem = models.ForeignKey(Workitem, on_delete=models.CASCADE, related_name="events")
    event_type = models.PositiveSmallIntegerField(help_text="PS3.4 CC.2.4.3: 1 state, 2 cancel requested, 3 progress.")
    body = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["aet", "id"], name="workitem_event_of_ae")]

    def __str__(self) -> str:
        return f"{self.event_type} of {self.workitem_id} to {self.aet}"
