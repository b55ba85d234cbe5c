"""Builders of HL7 v2 messages: ``oru`` (results), ``orders`` (ORM, OMI, SIU, DFT), ``adt``; ``segments`` for all."""
