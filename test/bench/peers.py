"""One reading of a recording by another package: prints events and seconds. Usage: peers.py PACKAGE FORMAT FILE."""

import sys
import time

package, kind, path = sys.argv[1:]


def expelliarmus():
    from expelliarmus import Wizard

    wizard = Wizard(encoding=kind)
    start()
    return len(wizard.read(path))


def faery():
    import faery

    start()
    return sum(len(events) for events in faery.events_stream_from_file(path))


def aedat():
    import aedat

    start()
    return sum(len(packet["events"]) for packet in aedat.Decoder(path) if "events" in packet)


def tonic():
    import tonic.io

    start()
    if kind == "aedat4":
        return len(tonic.io.read_aedat4(path))
    if kind == "aedat2":
        return len(tonic.io.read_davis_346(path)[-1])
    return len(tonic.io.read_mnist_file(path, tonic.io.events_struct))


began = 0.0


def start():
    global began
    began = time.perf_counter()


# Into the page cache first.
with open(path, "rb") as file:
    while file.read(1 << 24):
        pass
count = {"expelliarmus": expelliarmus, "faery": faery, "aedat": aedat, "tonic": tonic}[package]()
print(count, time.perf_counter() - began)
