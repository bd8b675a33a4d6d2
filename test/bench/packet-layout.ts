/** Which columns should a packet have? Decode, filter and core loops over six layouts, interleaved in one process. */

import { median, type Row } from "./measure.ts";

type Time = "float64" | "uint32";
type Address = "packed" | "dense" | "apart";
interface Loops {
  decode(offset: number): void;
  refractory(): number;
  background(): number;
  core(): number;
}

const events = 4096;
const packets = 300;
const [width, height] = [346, 260];

/** Million events a second of each loop in each layout: the median of `runs`. */
export function packetLayouts(runs = 7): Row[] {
  const file = aedat4Like(events * 8);
  const layouts = (["float64", "uint32"] as const).flatMap((time) =>
    (["packed", "dense", "apart"] as const).map((address) => ({
      name: `${time} ${address}`,
      loops: compile(time, address, file),
    })),
  );
  const rates = new Map<string, Map<string, number[]>>();
  for (let run = 0; run < runs; run++) {
    for (const { name, loops } of layouts) {
      const jobs: Record<string, (packet: number) => void> = {
        decode: (packet) => loops.decode((packet % 8) * events),
        refractory: () => loops.refractory(),
        "background activity": () => loops.background(),
        core: () => loops.core(),
        "all four": (packet) => {
          loops.decode((packet % 8) * events);
          loops.refractory();
          loops.background();
          loops.core();
        },
      };
      for (const [job, work] of Object.entries(jobs)) {
        const startMs = performance.now();
        for (let packet = 0; packet < packets; packet++) work(packet);
        const rate = (packets * events) / (performance.now() - startMs) / 1000;
        const perJob = rates.get(name) ?? new Map<string, number[]>();
        perJob.set(job, [...(perJob.get(job) ?? []), rate]);
        rates.set(name, perJob);
      }
    }
  }
  return [...rates].flatMap(([name, jobs]) =>
    [...jobs].map(([job, measured]) => ({ what: `${job}, ${name}`, value: median(measured), unit: "Mev/s" })),
  );
}

/** Events of 16 bytes as AEDAT 4 stores them. */
function aedat4Like(count: number): ArrayBuffer {
  const bytes = new ArrayBuffer(count * 16);
  const words = new Int32Array(bytes);
  const halves = new Uint16Array(bytes);
  let timeUs = 1_633_953_690_975_950;
  let state = 1;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
  for (let i = 0; i < count; i++) {
    timeUs += next(10);
    words[4 * i] = timeUs >>> 0;
    words[4 * i + 1] = Math.floor(timeUs / 4294967296);
    halves[8 * i + 4] = next(width);
    halves[8 * i + 5] = next(height);
    words[4 * i + 3] = next(2);
  }
  return bytes;
}

/** The loops of one layout, from one text, so that nothing but the layout differs. */
function compile(time: Time, address: Address, file: ArrayBuffer): Loops {
  const apart = address === "apart";
  const timeOf = time === "float64" ? "T[i]" : "(base + T[i])";
  const place = apart
    ? "const x = X[i], y = Y[i];"
    : address === "packed"
      ? "const a = A[i], x = (a >>> 1) & 0x7fff, y = a >>> 16;"
      : "const a = A[i], y = ((a >>> 1) / W) | 0, x = (a >>> 1) - y * W;";
  const pixel = apart
    ? "const x = X[i], y = Y[i], c = y * W + x;"
    : address === "packed"
      ? "const a = A[i], c = (a >>> 16) * W + ((a >>> 1) & 0x7fff);"
      : "const a = A[i], c = a >>> 1;";
  const put = `OT[m] = T[i]; ${apart ? "OX[m] = x; OY[m] = y; OP[m] = P[i];" : "OA[m] = a;"} m += passes ? 1 : 0;`;
  const times = time === "float64" ? "Float64Array" : "Uint32Array";
  const columns = apart
    ? "const X = new Uint16Array(N), Y = new Uint16Array(N), P = new Uint8Array(N), OX = new Uint16Array(N), OY = new Uint16Array(N), OP = new Uint8Array(N);"
    : "const A = new Uint32Array(N), OA = new Uint32Array(N);";
  const store = apart
    ? "X[i] = x; Y[i] = y; P[i] = p;"
    : address === "packed"
      ? "A[i] = (y << 16) | (x << 1) | p;"
      : "A[i] = ((y * W + x) << 1) | p;";
  const text = `
    const words = new Int32Array(file), halves = new Uint16Array(file), bytes = new Uint8Array(file);
    const N = ${events}, W = ${width}, H = ${height}, S = W + 2;
    const T = new ${times}(N), OT = new ${times}(N);
    ${columns}
    const last = new Float64Array(S * (H + 2)).fill(-1e9), fired = new Float64Array(W * H).fill(-1e9);
    const cell = new Uint8Array(W * H).map((_, i) => (((((i / W) | 0) * 8) / H) | 0) * 8 + (((i % W) * 8 / W) | 0));
    const v = new Float64Array(64), since = new Float64Array(64);
    let base = 0;
    return {
      decode(offset) {
        base = (words[4 * offset] >>> 0) + words[4 * offset + 1] * 4294967296;
        for (let i = 0; i < N; i++) {
          const e = offset + i, t = (words[4 * e] >>> 0) + words[4 * e + 1] * 4294967296;
          T[i] = ${time === "float64" ? "t" : "t - base"};
          const x = halves[8 * e + 4], y = halves[8 * e + 5], p = bytes[16 * e + 12];
          ${store}
        }
      },
      refractory() {
        let m = 0;
        for (let i = 0; i < N; i++) {
          const t = ${timeOf}; ${pixel}
          const passes = t - fired[c] >= 100; if (passes) fired[c] = t;
          ${put}
        }
        return m;
      },
      background() {
        let m = 0;
        for (let i = 0; i < N; i++) {
          const t = ${timeOf}; ${place}
          const c = (y + 1) * S + x + 1, s = t - 5000;
          const passes = last[c-S-1] >= s || last[c-S] >= s || last[c-S+1] >= s || last[c-1] >= s || last[c+1] >= s || last[c+S-1] >= s || last[c+S] >= s || last[c+S+1] >= s;
          last[c] = t;
          ${put}
        }
        return m;
      },
      core() {
        let spikes = 0;
        for (let i = 0; i < N; i++) {
          const t = ${timeOf}; ${pixel}
          const n = cell[c], x1 = v[n] * Math.exp((since[n] - t) * 1e-4) + 0.03;
          since[n] = t;
          if (x1 >= 1) { v[n] = 0; spikes++; } else v[n] = x1;
        }
        return spikes;
      },
    };`;
  return new Function("file", text)(file) as Loops;
}
