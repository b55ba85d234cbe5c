"""Event → service."""
