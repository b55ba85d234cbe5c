"""What a referrer begins the day with: their patients, new results, how far their orders are."""
