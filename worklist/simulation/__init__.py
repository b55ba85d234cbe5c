"""A discrete-event simulation of reading, which runs the same rules as production. Nothing here touches a database."""
