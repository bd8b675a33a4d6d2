"""Reads a recording with another package and prints what it found, as JSON. Usage: read-recording.py PACKAGE FORMAT FILE."""

import hashlib
import json
import sys

import numpy

package, kind, path = sys.argv[1:]
columns = {"t": [], "x": [], "y": [], "p": []}
beside = {"frames": 0, "imu": 0, "triggers": 0}
sums = {"frames": 0, "imu": 0.0, "triggers": 0}


def take(t, x, y, p):
    for name, values in (("t", t), ("x", x), ("y", y), ("p", p)):
        columns[name].append(numpy.asarray(values))


if package == "expelliarmus":
    from expelliarmus import Wizard

    events = Wizard(encoding=kind).read(path)
    take(events["t"], events["x"], events["y"], events["p"])
elif package == "faery":
    import faery

    for events in faery.events_stream_from_file(path):
        take(events["t"], events["x"], events["y"], events["on"])
elif package == "aedat":
    import aedat

    for packet in aedat.Decoder(path):
        if "events" in packet:
            events = packet["events"]
            take(events["t"], events["x"], events["y"], events["on"])
        elif "frame" in packet:
            beside["frames"] += 1
            sums["frames"] += int(packet["frame"]["pixels"].astype(numpy.int64).sum())
        elif "imus" in packet:
            beside["imu"] += len(packet["imus"])
            sums["imu"] += float(packet["imus"]["accelerometer_y"].astype(numpy.float64).sum())
        elif "triggers" in packet:
            beside["triggers"] += len(packet["triggers"])
            sums["triggers"] += int(packet["triggers"]["t"].astype(numpy.int64).sum())

# expelliarmus 1.1 adds 4,096 us at each TIME_HIGH of an EVT3 file (its own files have none but the first).
if package == "expelliarmus" and kind == "evt3":
    columns["t"] = [values % 4096 for values in columns["t"]]
kinds = {"t": "<i8", "x": "<u2", "y": "<u2", "p": "u1"}
joined = {n: numpy.concatenate(v) if v else numpy.zeros(0) for n, v in columns.items()}
digests = {n: hashlib.sha256(joined[n].astype(kinds[n]).tobytes()).hexdigest() for n in kinds}
print(json.dumps({"events": len(joined["t"]), "digests": digests, "beside": beside, "sums": sums}))
