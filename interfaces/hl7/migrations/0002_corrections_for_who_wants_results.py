from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def want_corrections(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Who takes final reports has to hear when one of them was wrong."""
    for destination in apps.get_model("hl7", "Destination").objects.all():
        if "report.final" in destination.kinds and "report.corrected" not in destination.kinds:
            destination.kinds = [*destination.kinds, "report.corrected"]
            destination.save(update_fields=["kinds"])


class Migration(migrations.Migration):
    dependencies = [("hl7", "0001_initial")]

    operations = [migrations.RunPython(want_corrections, migrations.RunPython.noop)]
