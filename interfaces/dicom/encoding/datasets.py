"""Datasets as they are stored: Explicit VR Little Endian, UTF-8."""

from __future__ import annotations

from io import BytesIO

from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode


def encode_dataset(dataset: Dataset) -> bytes:
    """Encode for storage, in UTF-8 whatever character set it came in. Raises ValueError when it cannot be encoded."""
    dataset.decode()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    encoded = encode(dataset, False, True)
    if encoded is None:
        raise ValueError("the dataset cannot be encoded")
    return encoded


def decode_dataset(raw: bytes | memoryview) -> Dataset:
    """Decode a dataset in explicit VR little endian (DICOM PS3.5 A.2)."""
    return decode(BytesIO(bytes(raw)), False, True)
