"""How a peer's messages are taken, as a form: the same checks on the page, over REST and in the back office."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from ris.kernel.errors import Invalid
from ris.people.backoffice import is_a_zone

from ..models import Peer
from ..translation.z_segments import checked
from ..v2.encoding import codec_named

if TYPE_CHECKING:
    PeerForm = forms.ModelForm[Peer]
else:
    PeerForm = forms.ModelForm

FIELDS = [
    "authority", "time_zone", "charset", "obr4", "uid_policy", "full_picture", "results", "ack_style", "busy_answer",
    "attributes",
]  # fmt: skip


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
            return checked(pairs)
        except Invalid as refusal:
            raise forms.ValidationError(refusal.detail) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != self.prepare_value(data))


class PeerSettings(PeerForm):
    """What an analyst sets for one peer."""

    attributes = Attributes(
        required=False,
        label="Fields read into attributes",
        help_text="A line each, such as ZPI-3 = patient.alerts.",
    )

    class Meta:
        model = Peer
        fields = FIELDS

    def clean_time_zone(self) -> str:
        """A name of the IANA time zone database; empty: the site's zone."""
        given = str(self.cleaned_data["time_zone"])
        if given:
            is_a_zone(given)
        return given

    def clean_charset(self) -> str:
        """A character set of HL7 table 0211 that can be decoded here."""
        given = str(self.cleaned_data["charset"])
        if given and codec_named(given) is None:
            raise forms.ValidationError("Give a name of MSH-18, such as UNICODE UTF-8 or 8859/1.")
        return given
