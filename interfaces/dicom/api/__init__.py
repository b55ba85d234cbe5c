"""The DICOM side over REST."""

from ..reconciliation.api import (
    BackFillView,
    EndView,
    ExamsView,
    ImagesView,
    LinkImagesView,
    LinkView,
    NoImagesView,
    UnlinkView,
)
from .archives import ArchiveAuthentication, StableStudyView
from .explaining import ExplainView

__all__ = [
    "ArchiveAuthentication",
    "BackFillView",
    "EndView",
    "ExamsView",
    "ExplainView",
    "ImagesView",
    "LinkImagesView",
    "LinkView",
    "NoImagesView",
    "StableStudyView",
    "UnlinkView",
]
