"""The back office's form of a critical contact: a way that reaches nobody is refused, and of a PIN the hash is kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email

from ris.people.backoffice import SetUpForm
from ris.people.login.lock import PIN, WEAK

from ..models import CriticalContact


class CriticalContactForm(SetUpForm):
    """A contact; ``new_pin`` empty leaves the PIN as it is."""

    new_pin = forms.CharField(
        label="PIN", required=False, max_length=12, widget=forms.PasswordInput,
        help_text="6 to 12 digits, for who has no log-in here. Empty: as it is.",
    )  # fmt: skip

    class Meta:
        model = CriticalContact
        exclude = ("pin",)

    def clean_new_pin(self) -> str:
        """Raise ValidationError for a PIN that is short or easily guessed."""
        pin: str = self.cleaned_data["new_pin"]
        if pin and (not PIN.fullmatch(pin) or WEAK.fullmatch(pin)):
            raise ValidationError("A PIN has 6 to 12 digits, and is not easily guessed.")
        return pin

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or {}
        way, address, user = given.get("way"), given.get("address", ""), given.get("user")
        if way == CriticalContact.SCREEN and user is None:
            raise ValidationError({"user": "Say whose bell rings."})
        if way == CriticalContact.EMAIL and not address and not (user and user.email):
            raise ValidationError({"address": "Give an address, or a user who has one."})
        if way != CriticalContact.SCREEN and address:
            try:
                (validate_email if way == CriticalContact.EMAIL else URLValidator(["http", "https"]))(address)
            except ValidationError as error:
                raise ValidationError({"address": error.messages}) from None
        elif way == CriticalContact.WEBHOOK:
            raise ValidationError({"address": "Give the address to POST to."})
        return given

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("new_pin"):
            self.instance.pin = make_password(self.cleaned_data["new_pin"])
        return super().save(commit)
