"""How a peer's messages are taken, as a form: the same checks on the page, over REST and in the back office."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from django import forms

from ris.kernel.errors import Invalid
from ris.kernel.language.catalogue import say
from ris.people.backoffice import is_a_zone

from ..models import Peer
from ..translation.code_tables import PLACE, check_attributes
from ..v2.encoding import codec_named

if TYPE_CHECKING:
    PeerForm = forms.ModelForm[Peer]
else:
    PeerForm = forms.ModelForm

FIELDS = [
    "authority", "time_zone", "charset", "obr4", "uid_policy", "full_picture", "results", "ack_style", "busy_answer",
    "ack_mode", "accession_field", "filler_field", "ignored_events", "other_events", "other_orders", "after_cancel",
    "too_late", "unknown_modality", "duplicate_days", "most_orders", "certificate", "attributes",
]  # fmt: skip


KEPT_IF_LEFT_OUT = (
    "other_events",
    "other_orders",
    "after_cancel",
    "too_late",
    "unknown_modality",
    "duplicate_days",
    "most_orders",
    "certificate",
)


# Both fields take what a box gives (text) and what REST gives (a mapping, a list).
class Attributes(forms.Field):
    """``ZPI-3 = patient.alerts``, a line each."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{place} = {name}" for place, name in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, str]:
        if isinstance(value, dict):
            pairs = {str(place): str(name) for place, name in value.items()}
        else:
            lines = [line.partition("=") for line in str(value or "").splitlines() if line.strip()]
            pairs = {place.strip().upper(): name.strip().lower() for place, _, name in lines}
        try:
            return check_attributes(pairs)
        except Invalid as refusal:
            raise forms.ValidationError(refusal.detail) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != self.prepare_value(data))


class MessageTypes(forms.Field):
    """``ADT^A31``, a line each."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "mono"})

    def prepare_value(self, value: Any) -> Any:
        """What the box shows."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        """The types, in upper case. Raises ValidationError for what is none."""
        given = value if isinstance(value, list) else re.split(r"[\s,]+", str(value or ""))
        types = [str(kind).strip().upper() for kind in given if str(kind).strip()]
        for kind in types:
            # MSH-9.1 and MSH-9.2: three signs each (tables 0076 and 0003).
            if not re.fullmatch(r"[A-Z]{3}\^[A-Z0-9]{3}", kind):
                raise forms.ValidationError(f"{kind[:10]} is no message type: write it as ADT^A31.")
        return types

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the types differ."""
        return bool(self.prepare_value(initial) != self.prepare_value(data))


class PeerSettings(PeerForm):
    """What an analyst sets for one peer."""

    ignored_events = MessageTypes(
        required=False, label="Messages that are ignored", help_text="A line each, such as ADT^A31; answered AA."
    )

    attributes = Attributes(
        required=False,
        label="Fields read into attributes",
        help_text="A line each, such as ZPI-3 = patient.alerts.",
    )

    class Meta:
        model = Peer
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ChoiceField):
                pairs = cast(list[tuple[str, str]], list(field.choices))  # type: ignore[arg-type]
                field.choices = [(value, say(str(label))) for value, label in pairs]
        for name in KEPT_IF_LEFT_OUT:
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """A choice or number that is left out stays as it was: senders of this form need not know every setting."""
        cleaned = dict(super().clean() or {})
        for name in KEPT_IF_LEFT_OUT:
            if name in cleaned and cleaned[name] in ("", None):
                cleaned[name] = getattr(self.instance, name)
        return cleaned

    def clean_time_zone(self) -> str:
        """A name of the IANA time zone database; empty: the site's zone."""
        given = str(self.cleaned_data["time_zone"])
        if given:
            is_a_zone(given)
        return given

    def clean_accession_field(self) -> str:
        """Raise ValidationError for what is no field."""
        return self._checked_place("accession_field")

    def clean_filler_field(self) -> str:
        """Raise ValidationError for what is no field."""
        return self._checked_place("filler_field")

    def _checked_place(self, name: str) -> str:
        given = str(self.cleaned_data[name]).strip().upper()
        if given and not PLACE.fullmatch(given):
            raise forms.ValidationError("Write the field as OBR-18, or as ZOR-3.2 for a component.")
        return given

    def clean_charset(self) -> str:
        """A character set of HL7 table 0211 that can be decoded here."""
        given = str(self.cleaned_data["charset"])
        if given and codec_named(given) is None:
            raise forms.ValidationError("Give a name of MSH-18, such as UNICODE UTF-8 or 8859/1.")
        return given
