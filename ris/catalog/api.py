"""The catalog over REST: read-only lists that an order needs."""

from __future__ import annotations

from rest_framework import serializers, viewsets
from rest_framework.permissions import IsAuthenticated

from .models import Device, Procedure, Site


class SiteSerializer(serializers.ModelSerializer[Site]):
    """A site."""

    class Meta:
        model = Site
        fields = ["id", "code", "name", "time_zone", "critical_delivery_minutes"]


class DeviceSerializer(serializers.ModelSerializer[Device]):
    """A device."""

    class Meta:
        model = Device
        fields = ["id", "site", "ae_title", "name", "modality", "room", "active"]


class ProcedureSerializer(serializers.ModelSerializer[Procedure]):
    """A procedure of the catalog."""

    class Meta:
        model = Procedure
        fields = [
            "id", "code", "coding_system", "name", "cpt", "loinc", "radlex", "modality", "body_region",
            "laterality", "subspecialty", "minutes", "reading_minutes", "rvu", "active",
        ]  # fmt: skip


class SiteViewSet(viewsets.ReadOnlyModelViewSet[Site]):
    """The sites of this department."""

    permission_classes = [IsAuthenticated]
    queryset = Site.objects.all()
    serializer_class = SiteSerializer


class DeviceViewSet(viewsets.ReadOnlyModelViewSet[Device]):
    """Scanners, by AE title."""

    permission_classes = [IsAuthenticated]
    queryset = Device.objects.all()
    serializer_class = DeviceSerializer
    filterset_fields = ["site", "modality", "ae_title", "active"]


class ProcedureViewSet(viewsets.ReadOnlyModelViewSet[Procedure]):
    """Procedures that can be ordered."""

    permission_classes = [IsAuthenticated]
    queryset = Procedure.objects.all()
    serializer_class = ProcedureSerializer
    filterset_fields = ["code", "modality", "body_region", "subspecialty", "active"]
