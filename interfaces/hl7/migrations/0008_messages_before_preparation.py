"""Messages from before preparation: they were validated when they were queued, and say which version they carry."""

from django.db import migrations
from django.db.models import F


def mark_prepared(apps, schema_editor):
    apps.get_model("hl7", "OutboundMessage").objects.update(prepared_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("hl7", "0007_message_preparation")]

    operations = [
        migrations.RunPython(mark_prepared, migrations.RunPython.noop),
        migrations.RunSQL(
            "UPDATE hl7_outboundmessage SET report_version_id = CAST(SUBSTR(source, 16) AS BIGINT) "
            "WHERE source LIKE 'report-version:%' AND kind LIKE 'report.%'",
            migrations.RunSQL.noop,
        ),
    ]
