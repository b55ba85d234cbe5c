"""Builders of HL7 v2 messages: ORU, ORM and OMI (``orders``), SIU (``appointments``), DFT (``charges``), ADT."""
