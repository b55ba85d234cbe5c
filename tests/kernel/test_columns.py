from __future__ import annotations

import pytest

from ris.kernel.db.columns import check_values
from ris.kernel.errors import Invalid
from ris.orders.models import Order
from ris.patients.models import Patient


def test_what_fits_passes_and_what_is_no_text_or_no_column() -> None:
    check_values(Patient, {"family_name": "Z" * 194, "sex": "", "birth_date": None, "no_column": "x" * 999})


def test_what_does_not_fit_is_refused_by_the_name_of_its_column_and_with_the_cure() -> None:
    with pytest.raises(Invalid, match=r"identifiers\.family_name: At most 194 characters"):
        check_values(Patient, {"family_name": "Z" * 195}, at="identifiers")
    with pytest.raises(Invalid, match="sex: This is one of F, M, O, or empty"):
        check_values(Patient, {"sex": "X"})
    with pytest.raises(Invalid, match="ordering_provider: At most 194"):
        check_values(Order, {"ordering_provider": "Z" * 200})
