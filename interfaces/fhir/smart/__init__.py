"""SMART on FHIR (App Launch 2.2.0): which apps may ask, by whom they were let in, and how much of the house they see.

OAuth 2.0 and OpenID Connect are oauthlib's and ``allauth.idp.oidc``'s (ADR 0011); here is what SMART adds: scopes
of resource types, the launch with its patient, and log-in of programs by a signed assertion.
"""
