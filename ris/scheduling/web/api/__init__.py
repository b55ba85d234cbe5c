"""The calendar over REST: free times, holds and hours; appointments and the waiting list."""
