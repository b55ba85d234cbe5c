"""The live reading list: ``feed`` reads which items changed, ``hub`` hands that to the screens of a process,
``consumers`` is the websocket of one screen."""
