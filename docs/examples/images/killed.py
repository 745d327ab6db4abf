"""Count in an image, and kill the process before it has printed the outcome; then repeat the request."""

import os
import signal
import sys

from gritstone import grit
from gritstone.grit.lmdb_store import open_durable
from gritstone.image import Image, Program

with Image(open_durable("counted", grit.CBOR_BLAKE3)) as image:
    counter = image.principal("counter")
    outcome = image.request(counter.run(Program().add("n", 1)), key="visit-1")
    if "die" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    print(f"operation {outcome.seq}, n is {image.read(counter, 'n')}")
