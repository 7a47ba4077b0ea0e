"""The process that started this one by ``multiprocessing``."""

import os
from multiprocessing import parent_process
from multiprocessing.connection import wait
from threading import Thread


def end_with_owner() -> None:
    """End this process as soon as its owner has ended, however that ended.

    A killed owner cannot end its processes: those of a pool would wait for work for ever, since
    each of them holds the other end of the pipe that work comes through.
    """
    owner = parent_process()
    if owner is not None:
        Thread(target=_wait_for_end, args=(owner.sentinel,), name="owner", daemon=True).start()


def _wait_for_end(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # whatever it does: nobody would receive it
