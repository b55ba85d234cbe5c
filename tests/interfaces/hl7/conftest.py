from __future__ import annotations

import pytest

from ris.catalog.models import Site
from tests.factories import DeviceFactory, ProcedureFactory, SiteFactory


@pytest.fixture
def hospital(db: None) -> Site:
    """A site with a CT and an MR scanner, and a CT head in its catalog."""
    site = SiteFactory()
    DeviceFactory(site=site)
    DeviceFactory(site=site, ae_title="MR1", modality="MR")
    ProcedureFactory()
    return site
