"""Topic-based subscriptions in R4 (Subscriptions R5 Backport IG 1.1.0): who is told of which events, and how.

A subscription is of one topic (``topics``) and belongs to an API token. An event becomes a numbered notification in the
transaction of the relay (``queue``), is sent by a task (``sender``) as a Bundle (``bundles``), or handed to whoever
listens by websocket (``live``). What the token's user may not see is never numbered for them.
"""
