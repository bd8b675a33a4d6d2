/** A gate before an MQTT parser: it reads packet lengths and lets no packet through that claims too much. */

/** What the gate says of a chunk of bytes. */
export type Verdict = "pass" | "refused";

/**
 * A parser that believes a length before it has the bytes can be made to hoard 256 MB by a client that never connected.
 * The gate follows the fixed headers (MQTT 3.1.1, section 2.2: one byte of type, one to four bytes of length, 7 bits each)
 * through any cut of the stream. The first packet must be a CONNECT. Once it refuses, it refuses for ever.
 */
export function packetGate(limits: {
  bytesMax: number;
  connectBytesMax: number;
}): (chunk: Uint8Array) => Verdict {
  let payloadLeft = 0;
  let place: "type" | "length" | "payload" = "type";
  let length = 0;
  let lengthBytes = 0;
  let lengthMax = limits.connectBytesMax;
  let connected = false;
  let verdict: Verdict = "pass";

  return (chunk) => {
    for (let i = 0; i < chunk.length && verdict === "pass"; ) {
      const byte = chunk[i]!;
      if (place === "type") {
        if (!connected && byte >> 4 !== connectType) verdict = "refused";
        place = "length";
        length = 0;
        lengthBytes = 0;
        i += 1;
      } else if (place === "length") {
        length += (byte & 0x7f) * 128 ** lengthBytes;
        lengthBytes += 1;
        i += 1;
        const ended = (byte & 0x80) === 0;
        if (length > lengthMax || (!ended && lengthBytes === 4)) verdict = "refused";
        if (!ended) continue;
        connected = true;
        lengthMax = limits.bytesMax;
        payloadLeft = length;
        place = length > 0 ? "payload" : "type";
      } else {
        const taken = Math.min(payloadLeft, chunk.length - i);
        payloadLeft -= taken;
        i += taken;
        if (payloadLeft === 0) place = "type";
      }
    }
    return verdict;
  };
}

const connectType = 1;
