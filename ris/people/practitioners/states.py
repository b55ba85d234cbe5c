"""State diagram of an entry of the address book."""

from ris.kernel.states import step

ACTIVE, RETIRED, MERGED = "active", "retired", "merged"
RETIRE = step("retire", [ACTIVE], RETIRED)
REINSTATE = step("reinstate", [RETIRED], ACTIVE)
MERGE = step("merge", [ACTIVE, RETIRED], MERGED)
