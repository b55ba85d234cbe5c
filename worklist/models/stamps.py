"""Stamps that the database changes with the tables they stand for."""

from __future__ import annotations

from django.db import models


class Stamp(models.Model):
    """A word that the database changes with every change of some tables (``ris.kernel.db.change_stamps``).

    What is made of those tables can be kept as long as the word stays. Which tables: ``worklist.change_stamps``.
    """

    name = models.CharField(max_length=16, primary_key=True)
    value = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
