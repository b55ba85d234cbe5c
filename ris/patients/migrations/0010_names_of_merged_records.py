from django.db import migrations


def give_names_to_survivors(apps, schema_editor):
    """A search by the name of a record that was merged away finds the record that remained."""
    patient_model = apps.get_model("patients", "Patient")
    token_model = apps.get_model("patients", "PatientNameToken")
    into = dict(patient_model.objects.exclude(merged_into=None).values_list("pk", "merged_into_id"))
    for retired in into:
        survivor = into[retired]
        while survivor in into:
            survivor = into[survivor]
        tokens = token_model.objects.filter(patient_id=retired).values_list("token", flat=True)
        token_model.objects.bulk_create(
            [token_model(patient_id=survivor, token=token) for token in tokens], ignore_conflicts=True
        )


class Migration(migrations.Migration):
    dependencies = [("patients", "0009_possible_duplicates")]

    operations = [migrations.RunPython(give_names_to_survivors, migrations.RunPython.noop)]
