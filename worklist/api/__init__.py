"""The worklist over REST. Each call is parsed, authorised, handed to one service and rendered."""
