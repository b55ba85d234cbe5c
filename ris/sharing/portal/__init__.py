"""The patients' pages: accounts by invitation, their own released reports, proxies, words that explain a report."""
