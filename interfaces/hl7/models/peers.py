"""Peers, their code tables, and values that no table knows."""

from __future__ import annotations

from django.db import models

from ris.catalog.models import Site


class Peer(models.Model):
    """A system that sends us HL7: one sending application at one facility, and how its messages are taken."""

    ACK_STYLES = [("ack", "ACK"), ("order", "ORR / ORG / ORI for orders")]
    UID_POLICIES = [
        ("generate", "Generate one and keep it"),
        ("accession", "Derive it from the accession number"),
        ("reject", "Refuse the order"),
    ]
    OBR4_MEANINGS = [
        ("procedure", "OBR-4.1–3 the procedure, .4–6 the protocol"),
        ("protocol", "OBR-4 the protocol, OBR-44 the procedure"),
    ]
    RESULTS = [
        ("auto", "By what they hold"),
        ("images", "Images are available"),
        ("ai", "AI findings"),
        ("dictation", "Dictated reports"),
        ("outside", "Reports made elsewhere, kept as documents"),
    ]
    BUSY = [("AR", "AR"), ("AE", "AE")]
    ACK_MODES = [
        ("", "As MSH-15 and MSH-16 ask"),
        ("original", "Original: one application acknowledgment"),
        ("enhanced", "Enhanced: accept, then application acknowledgment"),
    ]
    OTHER_EVENTS = [("ignore", "Accept and ignore, with the reason"), ("refuse", "Refuse (AR)")]
    OTHER_ORDERS = [("ignore", "Accept and ignore, with the reason"), ("refuse", "Refuse (AE)"), ("take", "Take all")]
    AFTER_CANCEL = [("new", "A new order"), ("refuse", "Refuse: the number was used before")]
    UNKNOWN_MODALITY = [("text", "Read from the text of OBR-4"), ("none", "OT: other")]
    TOO_LATE = [
        ("mend", "Accept, and ask a person to mend it"),
        ("refuse", "Refuse (AE)"),
        ("ignore", "Accept with a warning"),
    ]

    application = models.CharField(max_length=199, blank=True, help_text="MSH-3.1.")
    facility = models.CharField(max_length=199, blank=True, help_text="MSH-4.1.")
    name = models.CharField(max_length=64, unique=True, help_text="As people call it, and as orders name their source.")
    enabled = models.BooleanField(default=True)
    flagged = models.BooleanField(
        default=False, help_text="Made by itself when this sender was first seen; a person has not looked at it yet."
    )
    addresses = models.JSONField(
        default=list, blank=True, help_text="Addresses or networks it may send from; empty: loopback only."
    )
    certificate = models.CharField(
        max_length=200,
        blank=True,
        help_text="Common name of the TLS certificate that it must show. Empty: any that RIS_MLLP_CA lets in.",
    )
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="Site of its orders. Empty: the one that MSH-6, MSH-4 or PV1-3.4 names, else the first.",
    )  # fmt: skip
    authority = models.CharField(
        "default authority",
        max_length=64,
        blank=True,
        help_text="Assigning authority of identifiers that come without one. Empty: the site's.",
    )
    time_zone = models.CharField(max_length=64, blank=True, help_text="Of times without offset. Empty: the site's.")
    charset = models.CharField(max_length=40, blank=True, help_text="Believed instead of MSH-18. Empty: MSH-18.")
    ack_style = models.CharField(max_length=8, choices=ACK_STYLES, default="ack")
    uid_policy = models.CharField("missing Study UID", max_length=12, choices=UID_POLICIES, default="generate")
    obr4 = models.CharField("OBR-4 means", max_length=12, choices=OBR4_MEANINGS, default="procedure")
    results = models.CharField("ORU means", max_length=12, choices=RESULTS, default="auto")
    full_picture = models.BooleanField(
        default=False, help_text="Its updates name every step; a step left out is cancelled."
    )
    busy_answer = models.CharField(
        max_length=2,
        choices=BUSY,
        default="AR",
        help_text="Answer when we cannot take it now.",
    )
    ack_mode = models.CharField("acknowledgment mode", max_length=8, choices=ACK_MODES, blank=True)
    accession_field = models.CharField(
        max_length=12,
        blank=True,
        help_text="Field of the accession number, such as ORC-3 or ZDS-4.1. Empty: IPC-1, else OBR-18.",
    )
    filler_field = models.CharField(
        max_length=12, blank=True, help_text="Field of the filler number. Empty: ORC-3, else OBR-3."
    )
    ignored_events = models.JSONField(
        default=list, blank=True, help_text="Messages that are accepted and change nothing, as ADT^A31."
    )
    other_events = models.CharField(
        "ADT and SIU events that change nothing here", max_length=6, choices=OTHER_EVENTS, default="ignore"
    )
    other_orders = models.CharField(
        "orders of other departments", max_length=6, choices=OTHER_ORDERS, default="ignore",
        help_text="Laboratory, pharmacy, diet … by RXO, RXE, SPM …, ORC-29, OBR-24.",
    )  # fmt: skip
    after_cancel = models.CharField("NW after CA", max_length=6, choices=AFTER_CANCEL, default="new")
    too_late = models.CharField(
        "a change that comes too late", max_length=6, choices=TOO_LATE, default="mend",
        help_text="Of an exam that has begun, or an order that is cancelled.",
    )  # fmt: skip
    duplicate_days = models.PositiveSmallIntegerField(
        "MSH-10 is unique for",
        default=30,
        help_text="Days; after that the same MSH-10 is of another message. 0: for ever.",
    )
    unknown_modality = models.CharField(
        "modality of a code that is not known", max_length=6, choices=UNKNOWN_MODALITY, default="text",
        help_text="CT, MRI, X-RAY … at the beginning of the text of OBR-4 name the modality; the order is flagged.",
    )  # fmt: skip
    most_orders = models.PositiveIntegerField(
        "orders a message", default=200, help_text="A message that holds more is refused."
    )
    clock_ahead_s = models.PositiveIntegerField(
        default=0, editable=False, help_text="Seconds by which its clock was ahead of ours at last."
    )
    attributes = models.JSONField(
        default=dict, blank=True, help_text='Fields of Z-segments read into attributes, as {"ZPI-3": "patient.alerts"}.'
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["application", "facility"], name="peer_once")]

    def __str__(self) -> str:
        return self.name


class MapEntry(models.Model):
    """One line of a peer's translation tables. ``peer`` empty: holds for all peers, after their own lines."""

    TABLES = [
        ("procedure", "Procedure code"),
        ("modality", "Modality"),
        ("priority", "Priority"),
        ("location", "Location"),
        ("sex", "Sex"),
        ("site", "Site"),
        ("station", "Station AE title"),
    ]

    peer = models.ForeignKey(Peer, null=True, blank=True, on_delete=models.CASCADE, related_name="entries")
    table = models.CharField(max_length=12, choices=TABLES)
    given = models.CharField(
        max_length=199,
        help_text="The value as sent, case does not count. For stations: code=…, location=…, modality=…, joined by &.",
    )
    meant = models.CharField(max_length=199, help_text="What it means here.")
    text = models.CharField(max_length=199, blank=True, help_text="Its name, where the value has one.")

    class Meta:
        ordering = ["table", "given"]
        verbose_name_plural = "map entries"
        constraints = [
            models.UniqueConstraint(fields=["peer", "table", "given"], name="map_entry_once"),
            models.UniqueConstraint(
                fields=["table", "given"], condition=models.Q(peer__isnull=True), name="map_entry_for_all_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.given} → {self.meant}"


class UnknownValue(models.Model):
    """A value that a peer sent and no table of its knows; offered for mapping."""

    peer = models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="unknown")
    table = models.CharField(max_length=12, choices=MapEntry.TABLES)
    given = models.CharField(max_length=199, help_text="In upper case: case does not count.")
    text = models.CharField(max_length=199, blank=True, help_text="The name that came with it.")
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["peer", "table", "given"], name="unknown_value_once")]

    def __str__(self) -> str:
        return f"{self.table} #{self.pk}"
