import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_durations_on_devices"),
        ("orders", "0012_reserved_times"),
        ("scheduling", "0001_initial"),
    ]

    operations = [
        migrations.DeleteModel(name="Reminder"),  # nothing wrote it yet
        migrations.CreateModel(
            name="ReminderChannel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("way", models.CharField(choices=[("mail", "Mail"), ("webhook", "Webhook")], max_length=7)),
                (
                    "address",
                    models.CharField(
                        help_text="A mail address, or the https address of the messenger.", max_length=200
                    ),
                ),
                (
                    "hours_before",
                    models.PositiveSmallIntegerField(
                        default=24, help_text="An appointment made later is not reminded."
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reminder_channels", to="catalog.site"
                    ),
                ),
            ],
            options={
                "ordering": ["site", "pk"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("hours_before__gt", 0)), name="reminder_hours")
                ],
            },
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "due_at",
                    models.DateTimeField(help_text="Not tried before; while a worker has it, when another may. UTC."),
                ),
                (
                    "attempts",
                    models.PositiveIntegerField(
                        default=0, help_text="Claims so far: tries, whether they ended or not."
                    ),
                ),
                (
                    "error",
                    models.CharField(blank=True, help_text="Why the last try failed. No patient data.", max_length=160),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("owed", "Owed"), ("sent", "Sent"), ("dropped", "Dropped"), ("failed", "Failed")],
                        default="owed",
                        max_length=16,
                    ),
                ),
                ("start", models.DateTimeField(help_text="The time of which it reminds, UTC.")),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reminders",
                        to="scheduling.reminderchannel",
                    ),
                ),
                (
                    "step",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reminders", to="orders.scheduledstep"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["state", "due_at"], name="reminder_due")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["owed", "sent", "dropped", "failed"])), name="reminder_state"
                    ),
                    models.UniqueConstraint(fields=("step", "channel", "start"), name="reminder_once"),
                ],
            },
        ),
    ]
