from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

RELEASED = {"report.preliminary", "report.final"}


def want_retractions(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Who takes reports has to hear when one of them is taken back."""
    for destination in apps.get_model("hl7", "Destination").objects.all():
        if RELEASED & set(destination.kinds) and "report.retracted" not in destination.kinds:
            destination.kinds = [*destination.kinds, "report.retracted"]
            destination.save(update_fields=["kinds"])


class Migration(migrations.Migration):
    dependencies = [("hl7", "0012_modality_of_unknown_codes")]

    operations = [migrations.RunPython(want_retractions, migrations.RunPython.noop)]
