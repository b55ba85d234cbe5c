"""What a sender's values mean here.

Rooms: ``code_tables`` (look a value up), ``table_entries`` (what a line may say), ``csv_tables`` (write lines, import
and export), ``unknown_values`` (values that no table knows), ``z_segments`` (fields read into attributes).

The way of a value: a parser asks ``Mapping.find``; what it does not know is noted on the message, written by
``unknown_values``, shown on the sender's page, and mapped there with ``csv_tables.set_entry``.
"""
