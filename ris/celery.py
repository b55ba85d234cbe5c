"""Celery: the tasks that answer doorbells, and the clock that starts them anyway in case a bell was lost.

No task carries data and no result is kept: a message only starts a task, and the task reads from the rows what is to
be done. So a message that is lost, late or doubled costs time and nothing else.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

import structlog
from celery import Celery, signals

from .logs import places

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")

log = structlog.get_logger(__name__)

app = Celery("ris", set_as_current=True)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

WAKES = {
    "relay": "ris.kernel.tasks.deliver",
    "hl7-send": "interfaces.hl7.tasks.send_owed",
    "hl7-replay": "interfaces.hl7.tasks.replay",
    "hl7-back-fill": "interfaces.hl7.tasks.back_fill",
    "dicom-forward": "interfaces.dicom.tasks.send_forwards",
    "dicom-prefetch": "interfaces.dicom.tasks.prefetch",
    "dicom-reports": "interfaces.dicom.tasks.send_reports",
    "fhir-notify": "interfaces.fhir.tasks.send_notifications",
    "escalation": "worklist.tasks.tell",
    "critical-tell": "reporting.tasks.tell_critical",
}
"""Which task answers which bell (``ris.kernel.doorbell``)."""

EVERY = {
    "ris.kernel.tasks.deliver": 2.0,
    "ris.kernel.tasks.beat": 15.0,
    "ris.tasks.back_up": 300.0,
    "ris.tasks.write_downtime_kit": 3600.0,
    "ris.audit.tasks.seal": 60.0,
    "ris.audit.tasks.verify": 3600.0,
    "ris.people.tasks.end_locums": 60.0,
    "interfaces.hl7.tasks.send_owed": 5.0,
    "interfaces.hl7.tasks.watch_critical_results": 30.0,
    "interfaces.hl7.tasks.replay": 15.0,
    "interfaces.hl7.tasks.back_fill": 15.0,
    "interfaces.hl7.tasks.decide_stored": 60.0,
    "interfaces.hl7.tasks.forget": 3600.0,
    "interfaces.dicom.tasks.send_forwards": 10.0,
    "interfaces.dicom.tasks.prefetch": 15.0,
    "interfaces.dicom.tasks.send_reports": 10.0,
    "interfaces.dicom.tasks.poll_archives": 60.0,
    "interfaces.dicom.tasks.forget": 3600.0,
    "interfaces.dicom.tasks.end_overdue_work": 10.0,
    "interfaces.fhir.tasks.send_notifications": 5.0,
    "interfaces.fhir.tasks.keep_subscriptions": 5.0,
    "interfaces.fhir.tasks.forget": 3600.0,
    "ris.patients.tasks.compare_patients": 15.0,
    "reporting.tasks.open_due_releases": 30.0,
    "worklist.tasks.sweep": 15.0,
    "worklist.tasks.look_ahead": 300.0,
    "worklist.tasks.tell": 10.0,
    "reporting.tasks.tell_critical": 10.0,
    "reporting.tasks.remind_of_follow_ups": 60.0,
    "ris.scheduling.tasks.remind": 60.0,
}
"""Seconds between two runs of a task that no bell asked for."""

# expires: while no worker runs, the broker keeps one message of each task and not thousands.
app.conf.beat_schedule = {
    name: {"task": name, "schedule": seconds, "options": {"expires": max(10.0, seconds)}}
    for name, seconds in EVERY.items()
}


@signals.task_failure.connect
def say_failed(sender: Any, exception: Exception, traceback: TracebackType, **_: Any) -> None:
    """Log a failed task without the error's text, which may quote a row. The clock will run it again."""
    log.error("task.failed", task=sender.name, error=type(exception).__name__, places=places(traceback))
