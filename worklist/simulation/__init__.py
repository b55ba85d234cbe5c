"""A discrete-event simulation of reading, which runs the same rules as production. Nothing here touches a database.

``engine`` is the event loop, ``policies`` choose, ``workload`` is one hospital and ``hospitals`` draws others,
``theory`` holds the engine to queueing theory, ``measure`` and ``tournament`` compare policies.
"""
