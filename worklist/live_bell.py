"""The bell that is rung when something of the worklist changed. Who answers it: ``worklist.live``."""

WORKLIST = "worklist"
