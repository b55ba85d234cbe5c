"""Rows of the address book: practitioners, and the numbers by which authorities know them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.kernel.db.transitions import Stateful

from . import states


class Practitioner(Stateful):
    """A person outside who orders exams or gets copies of reports: an entry of the address book, of no site.

    ``account`` is the same person's log-in here, or none. An entry that a message made, or changed in a way that a
    person should see, is not ``reviewed``.
    """

    STATES = [(states.ACTIVE, "Active"), (states.RETIRED, "Retired"), (states.MERGED, "Merged")]

    name = models.CharField(max_length=194, blank=True, help_text="FAMILY^GIVEN.")
    name_key = models.CharField(max_length=194, blank=True, db_index=True, editable=False)
    former_names = models.JSONField(
        default=list, blank=True, help_text="Other names that came with a number of theirs."
    )
    authority = models.CharField(max_length=199, blank=True, help_text="Under whose authority it was first named.")
    npi = models.CharField("NPI", max_length=20, blank=True)
    phones = models.JSONField(default=list, blank=True)
    account = models.OneToOneField(
        "people.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="practitioner"
    )
    reviewed = models.BooleanField(default=False, help_text="A person has looked at it since it was last in doubt.")
    doubt = models.CharField(max_length=120, blank=True, help_text="Why a person should look at it.")
    source = models.CharField(max_length=64, blank=True, help_text="The sender that named it first, or 'desk'.")
    created_at = models.DateTimeField()
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="doubles")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["npi"], condition=~Q(npi=""), name="practitioner_npi_once"),
            models.CheckConstraint(
                condition=Q(state__in=[states.ACTIVE, states.RETIRED, states.MERGED]), name="practitioner_state"
            ),
        ]
        indexes = [models.Index(fields=["reviewed", "name_key"], name="practitioner_reviewed")]

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.family, self.given])) or f"Practitioner {self.pk}"

    @property
    def family(self) -> str:
        """The family name."""
        return self.name.partition("^")[0]

    @property
    def given(self) -> str:
        """The given name."""
        return self.name.partition("^")[2]


class PractitionerNumber(models.Model):
    """A number by which an authority knows a practitioner; one person may have several."""

    practitioner = models.ForeignKey(Practitioner, on_delete=models.CASCADE, related_name="numbers")
    authority = models.CharField(max_length=199, help_text="XCN.9, else XCN.13, else the sender's name.")
    number = models.CharField(max_length=64, help_text="XCN.1.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["authority", "number"], name="practitioner_number_once")]

    def __str__(self) -> str:
        return f"{self.number} ({self.authority})"
