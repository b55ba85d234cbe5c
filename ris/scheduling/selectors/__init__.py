"""Questions: what is free and why not sooner; the calendar; conflicts; who waits."""
