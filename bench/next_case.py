"""Next case among 100,000 open ones: the plain one-statement claim as the floor, ours, and the whole service.

    .venv/bin/python bench/next_case.py [--items 100000] [--readers 300] [--seconds 5]
    DATABASE_URL=postgres://… .venv/bin/python bench/next_case.py     (an empty database)

Each is run by one client, and by 64 at once (processes of threads). The plain statement takes the highest rank
and knows no site, skill, shift, reservation or refusal; ours knows them all. What is claimed is put back between
runs. Any case given to two clients in a run would be printed as a double.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from filling.worklist import make_house, make_items, migrate, percentiles, start_django

PLAIN = """
UPDATE worklist_readingitem SET state = 'claimed', version = version + 1, reader_id = %s, claimed_at = %s,
 lease_until = %s, lane = NULL, turns_at = NULL
WHERE id = (SELECT id FROM worklist_readingitem WHERE pool = %s AND lane = 0 ORDER BY rank DESC LIMIT 1 {skip})
RETURNING id
"""

PUT_BACK = """
UPDATE worklist_readingitem SET state = 'unread', reader_id = NULL, lease_until = NULL,
 lane = (SELECT lane FROM bench_place kept WHERE kept.id = worklist_readingitem.id),
 turns_at = (SELECT turns_at FROM bench_place kept WHERE kept.id = worklist_readingitem.id)
WHERE state = 'claimed'
"""


def plain(reader: Any, at: datetime, pool: int) -> int | None:
    from django.db import connection

    skip = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(PLAIN.format(skip=skip), [reader.pk, at, at + timedelta(minutes=10), pool])
        row = cursor.fetchone()
    return row[0] if row else None


def runner(what: str, at: datetime, users: list[Any]) -> Callable[[random.Random], int | None]:
    from ris.audit.services import Actor
    from ris.catalog.models import Subspecialty
    from worklist.services.next_case.probes import requester_now
    from worklist.services.next_case.selection import FEW, claim_best, next_case, question

    pools = list(Subspecialty.objects.values_list("pk", flat=True))
    if what == "plain":
        return lambda dice: plain(dice.choice(users), at, dice.choice(pools))
    if what == "statement":
        asked = [question(requester_now(user, at), at) for user in users[:32]]

        def statement(dice: random.Random) -> int | None:
            probes, values = dice.choice(asked)
            return claim_best(probes, values, deep=FEW)

        return statement

    def service(dice: random.Random) -> int | None:
        user = dice.choice(users)
        item = next_case(user, actor=Actor.of_user(user), at=at)
        return item.pk if item else None

    return service


def client(what: str, at: datetime, seconds: float, threads: int, seed: int, out: Any) -> None:
    start_django()
    from django.db import connection

    from ris.people.models import User

    users = list(User.objects.filter(username__startswith="reader"))
    took: list[float] = []
    got: list[int] = []

    def work(n: int) -> None:
        dice, run = random.Random(seed * 1000 + n), runner(what, at, users)
        run(dice)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            started = time.perf_counter()
            found = run(dice)
            took.append(time.perf_counter() - started)
            if found:
                got.append(found)
        connection.close()

    crew = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    out.put((took, got))


def measure(what: str, at: datetime, seconds: float, processes: int, threads: int) -> None:
    out: Any = mp.Queue()
    crew = [mp.Process(target=client, args=(what, at, seconds, threads, n, out)) for n in range(processes)]
    for one in crew:
        one.start()
    took: list[float] = []
    got: list[int] = []
    for _ in crew:
        some, more = out.get()
        took, got = took + some, got + more
    for one in crew:
        one.join()
    doubles = len(got) - len(set(got))
    clients = processes * threads
    print(f"  {what:10} {clients:3} at once  {len(took) / seconds:7.0f}/s  {percentiles(took)}  doubles {doubles}")


def keep_places() -> None:
    """Write down where everything stands, so that all can be put back by one statement."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_place")
        cursor.execute(
            "CREATE TABLE bench_place AS SELECT id, lane, turns_at FROM worklist_readingitem WHERE state = 'unread'"
        )
        cursor.execute("CREATE UNIQUE INDEX bench_place_id ON bench_place (id)")


def put_back() -> None:
    from django.db import connection, connections

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE worklist_readingitem")  # while some are claimed, as it is on any working day
        cursor.execute(PUT_BACK)
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM worklist_readingitem")
    connections.close_all()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--readers", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--what", default="plain,statement,service")
    said = parser.parse_args()
    start_django()
    from django.db import connection, connections

    from ris.kernel.clock import now

    migrate()
    at = now()
    make_house(said.readers)
    make_items(said.items, at)
    keep_places()
    print(f"{connection.vendor}, {said.items} open items, {said.readers} readers, {os.cpu_count()} cores")
    connections.close_all()
    for what in said.what.split(","):
        for processes, threads in ((1, 1), (4, 16)):
            measure(what, at, said.seconds, processes, threads)
            put_back()


if __name__ == "__main__":
    mp.set_start_method("spawn")
    main()
