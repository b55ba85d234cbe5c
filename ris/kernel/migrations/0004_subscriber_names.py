"""What is owed to subscribers names them by a fixed name, no longer by the place of a function in the code."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAMES = {
    "interfaces.dicom.subscribers.request_priors_of_order": "dicom.search_priors_of_order",
    "interfaces.dicom.subscribers.request_priors_of_step": "dicom.search_priors_of_moved_step",
    "interfaces.dicom.subscribers.request_priors_now": "dicom.search_priors_at_arrival",
    "interfaces.dicom.subscribers.stop_prefetch_of_order": "dicom.stop_priors_of_order",
    "interfaces.dicom.subscribers.stop_prefetch_of_procedure": "dicom.stop_priors_of_procedure",
    "interfaces.dicom.subscribers.queue_report": "dicom.queue_report_for_archives",
    "interfaces.dicom.subscribers.flag_unlinked_report": "dicom.check_report_of_unlinked_exam",
    "interfaces.hl7.subscribers.attach_what_came_early": "hl7.attach_early_results",
    "interfaces.hl7.subscribers.take_again_what_was_early": "hl7.replay_after_merge",
    "interfaces.hl7.subscribers.tell_destinations": "hl7.queue_for_destinations",
    "interfaces.hl7.inbound.orders.apply.follow_what_was_said": "hl7.reapply_order_history",
    "worklist.subscribers.open_when_readable": "worklist.open_item",
    "worklist.subscribers.close_when_unlinked": "worklist.close_item_of_unlinked_exam",
    "worklist.subscribers.reprice_on_revision": "worklist.reprice_after_order_revision",
    "worklist.subscribers.show_revised_patient": "worklist.refresh_after_patient_revision",
    "worklist.subscribers.plan_priors_of_order": "worklist.plan_priors_of_order",
    "worklist.subscribers.check_priors_at_arrival": "worklist.plan_priors_at_arrival",
    "worklist.subscribers.cancel_with_procedure": "worklist.cancel_item_of_procedure",
    "worklist.subscribers.cancel_with_order": "worklist.cancel_items_of_order",
    "worklist.subscribers.push_most_urgent": "worklist.offer_most_urgent",
    "worklist.subscribers.give_out_anew": "worklist.redistribute_after_roster_change",
    "worklist.subscribers.suggest_reader": "worklist.suggest_reader",
    "worklist.subscribers.carry_conflicts": "worklist.merge_conflicts",
    "worklist.subscribers.reprice_on_visit": "worklist.reprice_after_visit_revision",
    "ris.orders.subscribers.move_orders": "orders.move_orders_with_patient",
}


def rename(apps: Apps, names: dict[str, str]) -> None:
    """Rename the subscribers of deliveries that are not done, and the subjects of their alarms."""
    deliveries = apps.get_model("kernel", "Delivery").objects
    alarms = apps.get_model("kernel", "Alarm").objects
    for old, new in names.items():
        stuck = list(deliveries.filter(subscriber=old, state="stuck").values_list("record_id", flat=True))
        for record_id in stuck:
            subject = f"{record_id} → {old}"
            alarms.filter(subject=subject, cleared_at=None).update(subject=f"{record_id} → {new}")
        deliveries.filter(subscriber=old).exclude(state="done").update(subscriber=new)


def forwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rename(apps, NAMES)


def backwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rename(apps, {new: old for old, new in NAMES.items()})


class Migration(migrations.Migration):
    dependencies = [("kernel", "0003_owed_deliveries")]
    operations = [migrations.RunPython(forwards, backwards)]
