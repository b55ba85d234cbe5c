"""What ``bench/mwl.py`` is made of: the servers that are asked, what they hold, the client, and the report."""
