"""A plan names a study, so that one which only an archive knows can be planned too."""

from __future__ import annotations

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def name_studies(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    plans = apps.get_model("worklist", "PriorPlan").objects.select_related("prior__order")
    for plan in plans.iterator():
        plan.study_uid, plan.modality, plan.side = plan.prior.study_uid, plan.prior.modality, plan.prior.laterality
        plan.day = plan.prior.order.placed_at.date()
        plan.save(update_fields=["study_uid", "modality", "side", "day"])


class Migration(migrations.Migration):
    dependencies = [
        ("worklist", "0001_initial"),
        ("orders", "0003_stray_steps"),
    ]

    operations = [
        migrations.RemoveConstraint("priorplan", "prior_plan_once"),
        migrations.AddField(
            "priorplan",
            "day",
            models.DateField(blank=True, help_text="Of the study; empty where an archive's cannot be read.", null=True),
        ),
        migrations.AddField("priorplan", "modality", models.CharField(blank=True, max_length=16)),
        migrations.AddField("priorplan", "region", models.CharField(blank=True, max_length=32)),
        migrations.AddField("priorplan", "side", models.CharField(blank=True, max_length=1)),
        migrations.AddField(
            "priorplan",
            "description",
            models.CharField(blank=True, help_text="Study Description, of an archive.", max_length=64),
        ),
        migrations.AddField(
            "priorplan",
            "study_uid",
            models.CharField("Study Instance UID", default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AlterField(
            "priorplan",
            "prior",
            models.ForeignKey(
                blank=True,
                help_text="What it was ordered as; empty for a study that only an archive knows.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="orders.requestedprocedure",
            ),
        ),
        migrations.RunPython(name_studies, migrations.RunPython.noop),
        migrations.AddConstraint(
            "priorplan", models.UniqueConstraint(fields=("procedure", "study_uid"), name="prior_plan_once")
        ),
        migrations.AddIndex("priorplan", models.Index(fields=["study_uid", "state"], name="prior_plan_study")),
    ]
