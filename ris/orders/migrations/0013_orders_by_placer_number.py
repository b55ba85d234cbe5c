from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0012_reserved_times")]

    operations = [
        migrations.AddIndex(model_name="order", index=models.Index(fields=["placer_number"], name="order_placer")),
    ]
