"""Priors are found and brought near before they are needed."""
