"""What of SMART is served: one table for ``smart-configuration`` and for the CapabilityStatement."""

from __future__ import annotations

from ..datatypes import Json
from .keys import endpoint

ENDPOINTS = {
    "authorization": "authorize",
    "token": "token",
    "introspection": "introspect",
    "revocation": "revoke",
    "userinfo": "userinfo",
    "management": "apps",
}
"""Name of an endpoint in the configuration → the end of its address."""
CAPABILITIES = [
    "launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric",
    "client-confidential-asymmetric", "sso-openid-connect", "context-banner", "context-ehr-patient",
    "context-ehr-encounter", "context-standalone-patient", "permission-offline", "permission-online",
    "permission-patient", "permission-user", "permission-v1", "permission-v2",
]  # fmt: skip
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
SERVICE = {
    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
    "code": "SMART-on-FHIR",
}
_NAMED = {"authorization": "authorize", "token": "token", "introspection": "introspect", "revocation": "revoke",
          "management": "manage"}  # fmt: skip
"""Names of the same endpoints in the extension ``oauth-uris``."""


def security() -> Json:
    """``CapabilityStatement.rest.security``."""
    uris = [{"url": name, "valueUri": endpoint(ENDPOINTS[key])} for key, name in _NAMED.items()]
    return {
        "extension": [{"url": OAUTH_URIS, "extension": uris}],
        "service": [{"coding": [SERVICE], "text": "OAuth 2.0 with the SMART App Launch profile"}],
        "description": "Authorization: Bearer, with an access token of SMART (see .well-known/smart-configuration) or "
        "a token of `./bin/ris token USER`. What lies at sites of others does not exist for that user.",
    }
