from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hl7", "0013_retractions_for_who_wants_results"),
    ]

    operations = [
        migrations.AlterField(
            model_name="earlyresult",
            name="accession",
            field=models.CharField(
                blank=True,
                db_index=True,
                help_text="Accession number, else the filler number, as it came.",
                max_length=64,
            ),
        ),
    ]
