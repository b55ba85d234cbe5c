"""What a sender's values mean here.

Rooms: ``code_tables`` (look a value up, values that no table knows, fields of Z-segments read into attributes),
``table_entries`` (what a line of a table may say; written one by one, or imported and exported as CSV).

The way of a value: a parser asks ``Mapping.find``; what it does not know is noted on the message, written by
``write_unknown_values``, shown on the sender's page, and mapped there with ``table_entries.set_entry``.
"""
