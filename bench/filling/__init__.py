"""What benches have in common: the rows that are there before they measure, and who sends meanwhile."""
