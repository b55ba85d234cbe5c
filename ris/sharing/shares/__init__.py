"""Shares: a link by which somebody outside opens one report, for some days, some times, with a second factor."""
