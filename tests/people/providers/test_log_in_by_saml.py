"""Log-in by SAML 2.0: assertions signed by another implementation (signxml), and what must not be believed."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from lxml import etree
from signxml import XMLSigner, methods

from ris.kernel.clock import now
from ris.people.models import RefusedLogIn, User
from ris.people.providers.services import add_mapping
from ris.people.roles import Can, Role
from ris.people.selectors import permissions_of
from tests.factories import TESTER, SiteFactory

from .conftest import use_providers

pytestmark = pytest.mark.django_db

IDP, US = "https://idp.hospital.example/saml", "http://testserver/login/saml/adfs/"
RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
 xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r1" Version="2.0" IssueInstant="{now}" Destination="{us}acs/"
 InResponseTo="{request}"><saml:Issuer>{idp}</saml:Issuer><samlp:Status><samlp:StatusCode
 Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="_a1" Version="2.0"
 IssueInstant="{now}"><saml:Issuer>{idp}</saml:Issuer><saml:Subject><saml:NameID
 Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">zz-4711</saml:NameID><saml:SubjectConfirmation
 Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{later}"
 Recipient="{us}acs/" InResponseTo="{request}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions
 NotBefore="{before}" NotOnOrAfter="{later}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>
 </saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{now}" SessionIndex="_s1">
 <saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password
</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute
 Name="urn:oid:0.9.2342.19200300.100.1.1"><saml:AttributeValue>zzsaml</saml:AttributeValue></saml:Attribute>
<saml:Attribute Name="memberOf"><saml:AttributeValue>CN=rad,OU=zz</saml:AttributeValue><saml:AttributeValue>CN=all
</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>"""


class Idp:
    """An identity provider's key and what it signs."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "zz idp")])
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
            .serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2040, 1, 1))
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def answer(self, request_id: str, *, audience: str = f"{US}metadata/", age: timedelta = timedelta(0)) -> str:
        at = datetime.now(UTC) - age
        texts = {"now": at, "before": at - timedelta(minutes=1), "later": at + timedelta(minutes=5)}
        moments = {name: moment.strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in texts.items()}
        root = etree.fromstring(RESPONSE.format(us=US, idp=IDP, request=request_id, audience=audience, **moments))
        signer = XMLSigner(method=methods.enveloped, c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
        assertion = root.find("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
        issuer = assertion[0]
        issuer.addnext(etree.Element("{http://www.w3.org/2000/09/xmldsig#}Signature", Id="placeholder"))
        root.replace(assertion, signer.sign(assertion, key=self.key, cert=[self.certificate], reference_uri="_a1"))
        return etree.tostring(root).decode()


@pytest.fixture(scope="module")
def idp() -> Idp:
    return Idp()


@pytest.fixture(autouse=True)
def known(idp: Idp, settings: Any) -> None:
    use_providers(settings, [{"id": "adfs", "name": "Badge", "kind": "saml", "entity_id": IDP, "certificate": idp.pem,
                              "sso_url": f"{IDP}/sso", "groups": "memberOf"}])  # fmt: skip
    add_mapping(provider="", value="CN=rad,OU=zz", role=Role.RESIDENT, site_id=SiteFactory().pk, actor=TESTER, at=now())


def at_home() -> Client:
    return Client(headers={"host": "testserver"})


def begin(browser: Client) -> str:
    """The id of the request with which a browser is sent to the provider."""
    answer = browser.post("/login/saml/adfs/")
    where = urlsplit(answer["Location"])
    assert answer["Location"].startswith(f"{IDP}/sso?")
    packed = base64.b64decode(parse_qs(where.query)["SAMLRequest"][0])
    return str(etree.fromstring(zlib.decompress(packed, -15)).get("ID"))


def bring(browser: Client, response: str) -> Any:
    """What the browser is shown in the end."""
    body = {"SAMLResponse": base64.b64encode(response.encode()).decode(), "RelayState": ""}
    answer = browser.post("/login/saml/adfs/acs/", body)
    assert answer.status_code == 302
    return browser.get(answer["Location"])


def test_a_signed_assertion_lets_in_with_the_roles_of_its_groups(idp: Idp) -> None:
    browser = at_home()
    answer = bring(browser, idp.answer(begin(browser)))
    assert answer.status_code == 302, answer.content.decode()
    user = User.objects.get(username="zzsaml")
    assert Can.READ_CASES in permissions_of(user) and browser.get("/profile/").status_code == 200


@pytest.mark.parametrize(
    "wrong", ["unsigned", "other key", "changed", "old", "for another", "unasked", "twice", "no xml"]
)
def test_anything_else_is_not_believed(idp: Idp, wrong: str) -> None:
    browser = at_home()
    request_id = begin(browser)
    response = idp.answer(request_id)
    if wrong == "unsigned":
        root = etree.fromstring(response)
        for signature in root.iter("{http://www.w3.org/2000/09/xmldsig#}Signature"):
            signature.getparent().remove(signature)
        response = etree.tostring(root).decode()
    elif wrong == "other key":
        response = Idp().answer(request_id)
    elif wrong == "changed":
        response = response.replace(">zzsaml<", ">zzroot<")
    elif wrong == "old":
        response = idp.answer(request_id, age=timedelta(hours=1))
    elif wrong == "for another":
        response = idp.answer(request_id, audience="https://other.example/")
    elif wrong == "unasked":
        response = idp.answer("_never")
    elif wrong == "twice":
        assert bring(browser, response).status_code == 302
        User.objects.update(username="zzfirst")
        browser = at_home()
    else:
        response = "zz"
    answer = bring(browser, response)
    assert answer.status_code == 403, answer.status_code
    assert browser.get("/profile/").status_code == 302 and not User.objects.filter(username="zzsaml").exists()
    assert wrong in {"unasked", "twice"} or RefusedLogIn.objects.get().cause == "failed"


def test_metadata_say_where_answers_go_and_nothing_logs_out_from_outside() -> None:
    assert f"{US}acs/" in at_home().get("/login/saml/adfs/metadata/").content.decode()
    assert at_home().get("/login/saml/adfs/logout/").status_code == 404
    assert at_home().post("/login/saml/nowhere/").status_code == 404
