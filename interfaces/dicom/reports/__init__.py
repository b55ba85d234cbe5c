"""Released reports go to archives, as Basic Text SR and as encapsulated PDF."""
