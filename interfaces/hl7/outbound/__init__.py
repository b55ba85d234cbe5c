"""HL7 v2 out: from an event here to the acknowledgment of another system.

One message passes these modules in this order:

``triggers``    which event is sent as which kinds of message
``messages``    builders: the segments of ORU, ORM, OMI, SIU, DFT and ADT
``queue``       one row for each destination that wants the message, in the transaction of the event
``lanes``       which message is next, and what a refusal or a missing answer does to its lane (accession number)
``preparation`` validates a message, and renders its PDF, before it is sent
``sender``      sends the messages of one destination
``connection``  one MLLP connection: send, and read the acknowledgment
``answers``     what an acknowledgment means: accepted, refused, and numbers that it gives

``transliteration`` writes signs that a character set lacks, ``structure`` holds what every receiver needs,
``options`` what can be set for a destination; ``delivery`` says which reports arrived, and ``backfill`` queues
for a destination what happened before it was set up.
"""
