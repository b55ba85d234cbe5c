"""Results for people outside: links to one report (``shares``) and the patients' own pages (``portal``)."""
