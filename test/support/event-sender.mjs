// A sender of events in a process of its own: node event-sender.mjs <udp|spif|tcp|stdout|mqtt> <target> <rate> <seconds> [session].
// It sends frames at a steady rate, ends with a heartbeat, and prints how many events it sent on standard error.
// It runs on the build, as a user's program would.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { datagramWriter } from "../../dist/drivers/wire/datagrams.js";
import { EventFrameWriter } from "../../dist/drivers/wire/event-frame.js";
import { Packet } from "../../dist/src/events/packet.js";

const [, , way, target, rateText, secondsText, sessionText = "1"] = process.argv;
const [rate, seconds] = [Number(rateText), Number(secondsText)];
const geometry = { kind: "pixels", width: 640, height: 480 };
const frames = new EventFrameWriter(geometry, Number(sessionText));
const perFrame = way === "udp" ? 179 : way === "spif" ? 128 : 1024;
const words = datagramWriter("spif", { geometry });
const encode = (packet) => (way === "spif" ? words.encode(packet, 0, packet.count) : frames.frame(packet));

const { send, end } = await opened();
const packet = new Packet(geometry, perFrame);
const startMs = performance.now();
let sent = 0;
while (performance.now() - startMs < seconds * 1000) {
  const due = Math.floor(((performance.now() - startMs) / 1000) * rate);
  // After a stall it catches up, but not in a burst that no buffer holds.
  for (let burst = 0; sent + perFrame <= due && burst < 40; burst++) {
    packet.count = 0;
    for (let i = 0; i < perFrame; i++) {
      const n = sent + i;
      packet.push(Math.floor((n * 1e6) / rate), (((n % 480) << 16) | ((n % 640) << 1) | (n & 1)) >>> 0);
    }
    packet.fromUs = packet.times[0];
    packet.toUs = packet.times[perFrame - 1] + 1;
    await send(encode(packet));
    sent += perFrame;
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
packet.count = 0;
for (let beat = 0; way !== "spif" && beat < 20; beat++) {
  await send(frames.frame(packet));
  await new Promise((resolve) => setTimeout(resolve, 20));
}
process.stderr.write(`sent ${sent}\n`);
await end();

async function opened() {
  if (way === "udp" || way === "spif") {
    const socket = createSocket("udp4");
    const send = (bytes) =>
      new Promise((resolve) => socket.send(bytes, Number(target), "127.0.0.1", resolve));
    return { send, end: () => socket.close() };
  }
  if (way === "mqtt") {
    const { default: mqtt } = await import("mqtt");
    const [url, topic] = target.split("#");
    const client = await mqtt.connectAsync(url, { protocolVersion: 4 });
    return {
      send: (bytes) => client.publishAsync(topic, Buffer.from(bytes), { qos: 0 }),
      end: () => client.endAsync(),
    };
  }
  const stream = way === "tcp" ? connect(Number(target), "127.0.0.1") : process.stdout;
  if (way === "tcp") await once(stream, "connect");
  const send = async (bytes) => {
    if (!stream.write(bytes)) await once(stream, "drain");
  };
  return { send, end: () => stream.end() };
}
