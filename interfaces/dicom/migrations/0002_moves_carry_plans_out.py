"""Why a prior is moved stands in the worklist's plan."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dicom", "0001_initial")]

    operations = [
        migrations.RemoveField("priormove", "why"),
        migrations.AlterField("priormove", "score", models.FloatField(help_text="Of the plan: the best go first.")),
    ]
