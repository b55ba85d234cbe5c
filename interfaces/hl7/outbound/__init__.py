"""HL7 v2 out: from an event here to the acknowledgment of another system.

One message passes these modules in this order:

``triggers``    which event is sent as which kinds of message
``messages``    builders: the segments of ORU, ORM, OMI, SIU, DFT and ADT
``queue``       one row for each destination that wants the message, in the transaction of the event; which message is
                next, and what a refusal or a missing answer does to its lane (accession number)
``preparation`` validates a message (what every receiver needs, a profile, or its version), and renders its PDF
``sender``      sends the messages of one destination
``connection``  one MLLP connection: send, and read the acknowledgment: accepted, refused, and numbers that it gives

``transliteration`` writes signs that a character set lacks, ``options`` what can be set for a destination;
``delivery`` says which reports arrived, and ``backfill`` queues for a destination what happened before it was set up.
"""
