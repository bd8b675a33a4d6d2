/** A gate before an MQTT parser: it reads packet lengths, and lets nothing through that claims too much or comes too fast. */

/** What the gate says of a chunk of bytes. */
export type Verdict = "pass" | "refused" | "too fast";

/**
 * A parser that believes a length before it has the bytes can be made to hoard 256 MB by a client that never connected.
 * The gate follows the fixed headers (MQTT 3.1.1, section 2.2: one byte of type, one to four bytes of length, 7 bits each)
 * through any cut of the stream. The first packet must be a CONNECT. Packets take tokens from a bucket that holds those of
 * one second. Once it refuses, it refuses for ever.
 */
export function packetGate(
  limits: { bytesMax: number; connectBytesMax: number; packetsPerSMax: number },
  clock: { nowUs(): number },
): (chunk: Uint8Array) => Verdict {
  let tokens = limits.packetsPerSMax;
  let filledUs = clock.nowUs();
  let payloadLeft = 0;
  let place: "type" | "length" | "payload" = "type";
  let length = 0;
  let lengthBytes = 0;
  let lengthMax = limits.connectBytesMax;
  let connected = false;
  let verdict: Verdict = "pass";

  const fill = () => {
    const nowUs = clock.nowUs();
    tokens = Math.min(limits.packetsPerSMax, tokens + ((nowUs - filledUs) / 1e6) * limits.packetsPerSMax);
    filledUs = nowUs;
  };

  return (chunk) => {
    fill();
    for (let i = 0; i < chunk.length && verdict === "pass"; ) {
      const byte = chunk[i]!;
      if (place === "type") {
        tokens -= 1;
        if (!connected && byte >> 4 !== connectType) verdict = "refused";
        else if (tokens < 0) verdict = "too fast";
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
