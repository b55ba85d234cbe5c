"""HL7 in: from bytes on a socket to what holds here.

Rooms: ``listener`` and ``connection`` (sockets), ``intake`` (store, then process: one or several in a transaction),
``processing`` (one message), ``responses`` (what the sender is told), ``senders`` (who may send), ``context`` (a
message on its way), ``routing`` (type → handler); handlers: ``adt`` with ``patients`` (and their visits), ``orders``,
``appointments``, ``results`` (a folder).

The way of a message: ``connection`` → ``listener`` → ``intake.store_messages`` (on disk) → ``intake.process_batch`` →
``processing.process_row`` → ``routing.apply_message`` → a handler → services of ``ris`` → ``responses`` →
``connection``.
"""
