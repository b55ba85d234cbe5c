"""Pages and REST of the calendar."""
