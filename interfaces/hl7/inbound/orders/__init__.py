"""Orders in: what a message says about an order is kept, and the order is brought to all that was said.

Rooms: ``groups`` (ORC with what belongs to it), ``order_segments``, ``procedure_segments`` and ``observations``
(fields → ``statements``), ``handler`` (control codes), ``keys`` (which order is meant), ``history`` (what is kept),
``projection`` and ``matching`` (pure: what holds), ``intents`` and ``apply`` (what holds → services of ``ris.orders``).

An order changes its form four times: bytes → ``Message`` → ``Statement`` → ``Picture`` → ``OrderIntent``.
"""
