"""Subscriptions with their notifications, and sessions of FHIRcast: all that FHIR keeps; the rest is the house's."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.db.transitions import Stateful
from ris.kernel.queue import Owed
from ris.people.models import ApiToken

from . import states
from .smart.models import App, Grant, Launch, SigningKey, UsedAssertion


class Subscription(Stateful):
    """Who is told of which topic, and where. Belongs to an API token: what its user may not see is not told."""

    HOOK, SOCKET = "rest-hook", "websocket"
    EMPTY, IDS, FULL = "empty", "id-only", "full-resource"

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="fhir_subscriptions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="fhir_subscriptions")
    topic = models.CharField(max_length=32)
    filters = models.JSONField(
        default=list, help_text="Searches that the focus must fit, such as ImagingStudy?modality=CT."
    )
    channel = models.CharField(max_length=12, choices=[(HOOK, HOOK), (SOCKET, SOCKET)])
    endpoint = models.CharField(max_length=500, blank=True)
    secret_headers = models.TextField(blank=True, editable=False, help_text="Headers of each call, encrypted.")
    payload = models.CharField(max_length=16, choices=[(EMPTY, EMPTY), (IDS, IDS), (FULL, FULL)], default=IDS)
    heartbeat_s = models.PositiveIntegerField(default=0, help_text="Seconds of silence before a heartbeat; 0: none.")
    timeout_s = models.PositiveSmallIntegerField(default=10, help_text="Seconds that the receiver has to answer.")
    reason = models.CharField(max_length=250)
    events = models.BigIntegerField(default=0, help_text="Number of the last event: they have no gaps.")
    error = models.CharField(max_length=160, blank=True)
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    notified_at = models.DateTimeField(null=True, blank=True, help_text="When the receiver last took something.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[*states.STANDING, states.OFF, states.DELETED]), name="fhir_subscription_state"
            )
        ]
        indexes = [models.Index(fields=["topic", "state"], name="fhir_subscription_topic")]

    def __str__(self) -> str:
        return f"Subscription {self.pk}"


class Notification(Owed):
    """One event, handshake or heartbeat of a subscription. Of one subscription the oldest goes first."""

    HANDSHAKE, HEARTBEAT, EVENT = "handshake", "heartbeat", "event-notification"

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=20)
    source = models.CharField(max_length=120, help_text="What it is about, so that nothing is told twice.")
    number = models.BigIntegerField(null=True, help_text="Of an event: counted from 1, without gaps.")
    focus_type = models.CharField(max_length=32, blank=True)
    focus_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(help_text="When the event became true.")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "source"], name="fhir_notification_once"),
            models.UniqueConstraint(fields=["subscription", "number"], name="fhir_notification_number"),
            models.CheckConstraint(
                condition=Q(state__in=[states.OWED, states.SENT, states.KEPT, states.SKIPPED]),
                name="fhir_notification_state",
            ),
        ]
        indexes = [models.Index(fields=["state", "subscription", "id"], name="fhir_notification_owed")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number or ''} of {self.subscription_id}"


class CastSession(models.Model):
    """The shared context of one user (FHIRcast): what is open at their desk, its version, and what was shared in it."""

    topic = models.CharField(max_length=64, unique=True, help_text="hub.topic: cannot be guessed.")
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="cast_session")
    anchor = models.CharField(max_length=32, blank=True, help_text="Resource type that is open; empty: nothing is.")
    context = models.JSONField(default=list)
    content = models.JSONField(default=dict, help_text="Shared resources by Type/id; forgotten when the anchor closes.")
    version_id = models.CharField(max_length=40, blank=True)
    item_id = models.BigIntegerField(null=True, help_text="The reading item whose report is open, where it is ours.")
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Context of {self.user_id}"


class CastSubscription(models.Model):
    """An application at the desk: which events of a session it hears at its own websocket, and until when."""

    session = models.ForeignKey(CastSession, on_delete=models.CASCADE, related_name="subscriptions")
    endpoint = models.CharField(max_length=64, unique=True, help_text="Part of the websocket's address; not guessable.")
    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80, blank=True, help_text="subscriber.name")
    events = models.JSONField(default=list, help_text="Lower case.")
    until = models.DateTimeField(help_text="End of the lease.")

    def __str__(self) -> str:
        return f"{self.name} in {self.session_id}"


class CastEvent(models.Model):
    """An event of a session on its way to the applications. Of one session, ids grow in the order of commits."""

    session = models.ForeignKey(CastSession, on_delete=models.CASCADE, related_name="events")
    name = models.CharField(max_length=64, help_text="Lower case.")
    body = models.JSONField()
    not_to = models.CharField(max_length=64, blank=True, help_text="Endpoint that it is about, and is not told.")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["session", "id"], name="cast_event_of_session")]

    def __str__(self) -> str:
        return f"{self.name} in {self.session_id}"


__all__ = ["App", "Grant", "Launch", "Notification", "SigningKey", "Subscription", "UsedAssertion"]
