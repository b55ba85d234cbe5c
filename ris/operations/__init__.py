"""What keeps the system: backups, restore and its drill, and a doctor that tries every part.

``backups`` makes, lists and restores files; ``databases`` copies and judges a database, one class for SQLite and one
for PostgreSQL; ``sealing`` encrypts with a certificate whose key is kept elsewhere. Commands are in ``ris/management``.
"""
