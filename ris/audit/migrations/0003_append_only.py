from django.db import migrations

from ris.kernel.db.append_only import AppendOnly


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_initial")]
    operations = [AppendOnly("audit_auditevent")]
