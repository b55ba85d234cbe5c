"""Seeds of second factors are encrypted in the database, and move to a new key without anybody enrolling anew."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import CommandError, call_command
from django.db import connection

from ris.config import secret_keys
from ris.config_values import Misconfigured
from ris.kernel.values.key_ring import decrypt, encrypt
from tests.factories import make_user
from worklist.models import EscalationRoute, ReaderProfile

pytestmark = pytest.mark.django_db
OLD, NEW = "old-key-" + "x" * 30, "new-key-" + "y" * 30


@pytest.fixture
def enrolled(settings: Any) -> Authenticator:
    settings.SECRET_KEYS = (OLD,)
    return TOTP.activate(make_user("somebody"), "JBSWY3DPEHPK3PXP").instance


def raw() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        return str(cursor.fetchone()[0])


def test_a_seed_is_stored_encrypted_and_read_in_the_clear(enrolled: Authenticator) -> None:
    assert "JBSWY3DPEHPK3PXP" not in raw() and "ring1:" in raw()
    assert decrypt(Authenticator.objects.get().data["secret"]) == "JBSWY3DPEHPK3PXP"


def test_a_new_key_takes_over_and_the_old_one_can_go(enrolled: Authenticator, settings: Any, capsys: Any) -> None:
    settings.SECRET_KEYS = (NEW, OLD)
    call_command("secrets", "rotate")
    assert "1 of 1 secrets were encrypted anew" in capsys.readouterr().out
    settings.SECRET_KEYS = (NEW,)
    assert decrypt(Authenticator.objects.get().data["secret"]) == "JBSWY3DPEHPK3PXP"
    call_command("secrets", "rotate")
    assert "0 of 1" in capsys.readouterr().out


def test_a_key_that_was_taken_away_too_early_is_told_and_nothing_is_changed(
    enrolled: Authenticator, settings: Any
) -> None:
    before = raw()
    settings.SECRET_KEYS = (NEW,)
    with pytest.raises(CommandError, match="RIS_SECRET_KEYS does not name"):
        call_command("secrets", "rotate")
    assert raw() == before


def test_what_was_stored_before_there_was_a_ring_is_read_and_rotated(enrolled: Authenticator) -> None:
    Authenticator.objects.update(data={"secret": "PLAIN"})
    assert decrypt(Authenticator.objects.get().data["secret"]) == "PLAIN"
    call_command("secrets", "rotate")
    assert "PLAIN" not in raw() and decrypt(Authenticator.objects.get().data["secret"]) == "PLAIN"


def test_keys_come_from_the_environment_and_short_ones_are_refused() -> None:
    assert secret_keys({}, "k" * 40) == ("k" * 40,)
    assert secret_keys({"RIS_SECRET_KEYS": f"{NEW}, {OLD}"}, "k" * 40) == (NEW, OLD)
    with pytest.raises(Misconfigured, match="RIS_SECRET_KEYS"):
        secret_keys({"RIS_SECRET_KEYS": "short"}, "k" * 40)
    assert encrypt("a") != encrypt("a")


def test_addresses_of_webhooks_are_encrypted_alike_and_move_to_a_new_key(settings: Any, capsys: Any) -> None:
    def kept() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT address FROM worklist_escalationroute ORDER BY id")
            return [str(row[0]) for row in cursor.fetchall()]

    settings.SECRET_KEYS = (OLD,)
    hook = "https://hooks.example/?token=zz-secret"
    for rung in (1, 2):
        EscalationRoute.objects.create(rung=rung, way="webhook", address=hook)
    EscalationRoute.objects.create(rung=3, way="screen")
    ReaderProfile.objects.create(user=make_user("caller"), call_address=hook)
    before = kept()
    assert "zz-secret" not in str(before) and "hooks" not in str(before) and before[0] == before[1] and before[2] == ""
    assert EscalationRoute.objects.filter(address=hook).count() == 2
    settings.SECRET_KEYS = (NEW, OLD)
    assert EscalationRoute.objects.filter(rung=1).get().address == hook, "read under the key before"
    call_command("secrets", "rotate")
    assert "3 of 3 secrets were encrypted anew" in capsys.readouterr().out
    settings.SECRET_KEYS = (NEW,)
    assert EscalationRoute.objects.filter(address=hook).count() == 2 and kept() != before
    assert ReaderProfile.objects.get().call_address == hook
    call_command("secrets", "rotate")
    assert "0 of 3" in capsys.readouterr().out
