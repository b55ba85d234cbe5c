"""The DICOM side over REST."""

from .archives import ArchiveAuthentication, StableStudyView
from .exams import BackFillView, EndView, ExamsView, LinkView, NoImagesView, UnlinkView
from .explaining import ExplainView

__all__ = [
    "ArchiveAuthentication",
    "BackFillView",
    "EndView",
    "ExamsView",
    "ExplainView",
    "LinkView",
    "NoImagesView",
    "StableStudyView",
    "UnlinkView",
]
