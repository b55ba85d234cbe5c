"""Words that are in no report yet, as pages and REST: saved while they are typed, given back to their author."""
