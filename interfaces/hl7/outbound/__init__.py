"""HL7 v2 out: from an event here to the acknowledgment of another system.

One message passes these modules in this order:

``triggers``    which event is sent as which kinds of message
``messages``    builders: the segments of ORU, ORM, OMI, SIU, DFT and ADT
``queue``       one row for each destination that wants the message, in the transaction of the event
``sender``      sends the rows of one destination, in order within a lane (the accession number)
``connection``  one MLLP connection: send, and read the acknowledgment
``answers``     what an acknowledgment means: accepted, refused, and numbers that it gives

``preparation`` renders and validates a row before it is sent, ``lanes`` says which row is next, ``options`` holds
what can be set for a destination, and ``backfill`` queues for it what happened before it was set up.
"""
