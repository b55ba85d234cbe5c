"""HTML pages: the reading list, cases, the lead's screens, the roster, rules and the score's numbers."""
