"""Log-in by a hospital's identity provider (OpenID Connect, SAML 2.0), and the roles that its claims give.

``configuration`` reads which providers there are, ``adapter`` decides whom django-allauth lets in, ``services`` keeps
the table of role mappings and makes a person's roles what it says. Who has no mapped group has nothing.
"""
