"""The HL7 v2 language: bytes ↔ text ↔ fields. No Django, no models; only refusals of the kernel.

Rooms: ``mllp`` frames messages on a stream, ``encoding`` reads character sets and escapes, ``parser`` cuts segments,
fields and components, ``header`` reads MSH, ``datatypes`` times; ``acknowledgment`` writes answers; ``validation`` and
``profiles`` check what is sent.

The way of a message: ``Deframer.feed`` → ``recover_header`` (who sends, how to decode) → ``parse_message`` →
``parse_header`` → … → ``build_acknowledgment`` → ``frame_message``.
"""
