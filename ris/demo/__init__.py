"""The demo hospital: two sites, their devices, catalog and people, and a day of traffic. All made up."""
