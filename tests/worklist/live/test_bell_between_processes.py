"""The live bell crosses from one process to the screens of another, through Redis."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.test import override_settings

from tests.serving import ROOT, free_port, is_open, wait_for
from worklist.live.hub import GROUP, Hub

pytestmark = pytest.mark.once

OTHER_PROCESS = """
import time, django
django.setup()
from worklist.events import WORKLIST_BELL
from ris.kernel import doorbell
import worklist.live.hub
doorbell._ring_now(WORKLIST_BELL)  # as after a commit
time.sleep(5)  # the bell is sent by a thread of its own
"""


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_open(("127.0.0.1", port)), seconds=30, what="Redis listens")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def test_a_bell_that_is_rung_in_another_process_wakes_the_hub_of_this_one(redis_url: str, tmp_path: Path) -> None:
    layers = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [redis_url]}}}
    env = {**os.environ, "RIS_DATA": str(tmp_path), "REDIS_URL": redis_url, "DJANGO_SETTINGS_MODULE": "ris.settings"}
    server = redis.Redis.from_url(redis_url)

    async def is_woken() -> bool:
        hub = Hub(asyncio.get_running_loop())
        listening = asyncio.create_task(hub._listen())
        while not any(GROUP.encode() in channel for channel in server.pubsub_channels()):
            await asyncio.sleep(0.05)  # until this process hears what the group is told
        assert not hub._bell.is_set()
        other = subprocess.Popen([sys.executable, "-c", OTHER_PROCESS], env=env, cwd=ROOT)
        try:
            await asyncio.wait_for(hub._bell.wait(), 120)
        finally:
            other.kill()
            other.wait()
            listening.cancel()
        return hub._bell.is_set()

    with override_settings(CHANNEL_LAYERS=layers):
        assert asyncio.run(is_woken())
