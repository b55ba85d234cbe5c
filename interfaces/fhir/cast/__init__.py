"""FHIRcast STU3 hub: applications at one desk share what is open (IHE IRA: Hub, Worklist Client, Report Creator).

A session belongs to a user and has a topic that nobody can guess. Its context and content are rows; events go to the
websockets of every process as rows that a bell announces. A claim opens its report in the session of its reader.
"""
