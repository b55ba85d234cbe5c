"""What a referrer begins with: their own results and orders, also those of which they get copies, and no others."""

from __future__ import annotations

import pytest
from django.test import Client

from reporting import services
from reporting.models import ResultSeen
from ris.people.models import Practitioner
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, make_order, make_user
from tests.reporting.written import by, signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db


def test_new_results_copies_and_open_orders_of_ones_own_patients_only() -> None:
    reader = make_reader()
    version = signed(reader, patient=PatientFactory(family_name="ZZTESTMINE"))
    signed(reader, patient=PatientFactory(family_name="ZZTESTOTHER"))
    copied = signed(reader, patient=PatientFactory(family_name="ZZTESTCOPY"))
    site = version.report.item.site
    site.viewer_url = "https://viewer.example/?study={study_uid}"
    site.save()
    referrer = make_user("zzreferrer", Role.REFERRER, sites=(site,))
    waiting = make_order(patient=PatientFactory(family_name="ZZTESTWAITS"))
    for order in (version.report.procedure.order, waiting):
        order.referrer = referrer
        order.save()
    entry = Practitioner.objects.create(account=referrer, name="ZZTEST^REFERRER", state="active", created_at=NOON)
    copied.report.procedure.order.copy_practitioners.add(entry)
    client = Client()
    client.force_login(referrer)
    assert client.get("/", follow=True).redirect_chain[-1][0] == "/results/mine/"
    page = client.get("/results/mine/").content.decode()
    assert page.count("ZZTESTMINE") == 2 and page.count("ZZTESTCOPY") == 2 and page.count("ZZTESTWAITS") == 2
    assert "ZZTESTOTHER" not in page
    assert [row["id"] for row in client.get("/api/results/mine/").json()["new"]] == [
        copied.report_id,
        version.report_id,
    ]
    images = client.get(f"/results/{version.report_id}/images/")
    assert images["Location"].startswith("https://viewer.example/?study=2.25.")
    assert images["Referrer-Policy"] == "no-referrer"

    client.get(f"/api/reports/{version.report_id}/")
    client.get(f"/results/{copied.report_id}/pdf/")
    assert client.get("/api/results/mine/").json()["new"] == []
    services.add_addendum(version.report_id, text="More.", **by(reader))
    assert [row["version"] for row in client.get("/api/results/mine/").json()["new"]] == [2]
    assert "New</span>" in client.get("/results/").content.decode()
    assert ResultSeen.objects.count() == 2

    client.force_login(reader)
    client.get(f"/results/{version.report_id}/")
    assert not ResultSeen.objects.filter(user=reader).exists(), "a reader answers for no patient"
