"""Pure functions: intervals of days by a site's clock, free time as bits, slots of several exams."""
