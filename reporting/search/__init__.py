"""Search in all released reports that one may see: full text on both databases, filters, and lists that are kept."""
