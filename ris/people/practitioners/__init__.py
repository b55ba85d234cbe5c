"""The address book: practitioners outside, as messages name them and as people keep them.

Rooms: ``matching`` (who is meant by what a message says), ``services`` (what a person decides), ``selectors``,
``pages``, ``api``.
"""
