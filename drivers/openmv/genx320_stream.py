# Streams the events of an OpenMV camera with a GENX320 to Reflexarc's driver genx320.
# Copy it to the camera's disk as main.py, with OpenMV's firmware 4.7 or later, and connect the camera by USB.
#
# Each read of the sensor is a frame (drivers/wire/event-frame.ts, kind 1): a head of 36 bytes, rows of six uint16
# (type, seconds, milliseconds, microseconds, x, y) as the firmware gives them, and a CRC-32. A read without events
# is a heartbeat.
import binascii
import os
import struct
import sys
import time

import csi
from ulab import numpy as np

# A power of two from 1024 to 65536: a frame carries 5455 rows at most, so longer reads take several.
READ_EVENTS = 2048
FRAME_EVENTS = 5455
SIDE = 320

rows = np.zeros((READ_EVENTS, 6), dtype=np.uint16)
camera = csi.CSI(cid=csi.GENX320)
camera.reset()
camera.ioctl(csi.IOCTL_GENX320_SET_MODE, csi.GENX320_MODE_EVENT, READ_EVENTS)

out = sys.stdout.buffer
session = struct.unpack("<I", os.urandom(4))[0]
sequence = 0
total = 0


def send(body, count):
    global sequence, total
    head = struct.pack(
        "<4sBBHIIQQHH", b"RXEV", 1, 1, count, sequence, session, time.ticks_us(), total, SIDE, SIDE
    )
    crc = binascii.crc32(body, binascii.crc32(head)) & 0xFFFFFFFF
    out.write(head)
    out.write(body)
    out.write(struct.pack("<I", crc))
    sequence = (sequence + 1) & 0xFFFFFFFF
    total += count


while True:
    count = max(0, camera.ioctl(csi.IOCTL_GENX320_READ_EVENTS, rows))
    data = memoryview(rows.tobytes())
    first = 0
    while True:
        some = min(count - first, FRAME_EVENTS)
        send(data[first * 12 : (first + some) * 12], some)
        first += some
        if first >= count:
            break
