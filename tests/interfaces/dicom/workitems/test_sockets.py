"""Events of workitems by websocket, through a real server: to the AE that subscribed, by its token, in a second."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import websockets
from asgiref.sync import sync_to_async
from pydicom.dataset import Dataset

from ris.asgi import application
from tests.factories import make_order
from tests.interfaces.dicom.workitems.test_ups import GLOBAL, LOCK, UID, Performer, scheduled
from tests.worklist.reading import make_reader
from tests.worklist.sockets import served

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_ae_hears_of_new_workitems_and_of_their_states() -> None:
    performer, stranger = Performer(make_reader("ai")), Performer(make_reader("stranger"))
    study_uid = make_order().procedures.get().study_uid
    performer.send("post", f"workitems/{GLOBAL}/subscribers/VIEWER")

    def work() -> None:
        performer.send("post", f"workitems?{UID}", scheduled(study_uid))
        performer.claim(UID, LOCK)

    async def listen(url: str) -> tuple[list[Any], int]:
        where = url.rpartition("/ws/")[0] + "/dicom-web/subscribers/VIEWER"
        async with websockets.connect(where, additional_headers=stranger.authorization) as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
        async with websockets.connect(where, additional_headers=performer.authorization) as socket:
            await sync_to_async(work)()
            heard = [await asyncio.wait_for(socket.recv(), 1.0) for _ in range(2)]
        return [Dataset.from_json(str(one)) for one in heard], closed.value.rcvd.code if closed.value.rcvd else 0

    with served(application) as url:
        heard, refused = asyncio.run(listen(url))
    states = [(one.ProcedureStepState, int(one[0x00001002].value), one[0x00001000].value) for one in heard]
    assert states == [("SCHEDULED", 1, UID), ("IN PROGRESS", 1, UID)]
    assert refused == 4401
