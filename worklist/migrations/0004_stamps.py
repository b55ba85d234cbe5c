from django.db import migrations, models
from django.db.models import F


class Migration(migrations.Migration):
    dependencies = [
        ("worklist", "0003_site_starts_of_reading"),
    ]

    operations = [
        migrations.CreateModel(
            name="Stamp",
            fields=[
                ("name", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("value", models.CharField(max_length=40)),
            ],
        ),
        migrations.AddIndex(
            model_name="readingitem",
            index=models.Index(F("lane"), F("rank").desc(), name="item_next_of_all"),
        ),
        migrations.AddIndex(
            model_name="readingitem",
            index=models.Index(fields=["reader", "claimed_at"], name="item_taken"),
        ),
    ]
