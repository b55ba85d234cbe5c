from django.db import migrations

from ris.kernel.db.append_only import AppendOnly


class Migration(migrations.Migration):
    dependencies = [("reporting", "0002_initial")]

    operations = [AppendOnly("reporting_reportversion"), AppendOnly("reporting_override")]
