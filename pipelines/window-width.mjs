// Draws what a window's width trades: narrow ones follow a rate code at once but coarsely, wide ones smoothly but late.
//
//     npm run build && node pipelines/window-width.mjs window-width.svg

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

export const windowsMs = [25, 50, 100, 200, 400, 800];
const code = { min: 0, max: 1, minHz: 0, maxHz: 200 };
const [durationS, stepS, everyUs] = [12, 6, 5000];

/** A value that drifts about 0.3, and at 6 s jumps up by 0.4. */
export function truthAt(timeUs) {
  const s = timeUs / 1e6;
  return 0.3 + 0.05 * Math.sin(2.1 * s) + (s >= stepS ? 0.4 : 0);
}

/**
 * Of each window width: the trace that is read, how coarse it is (root mean square distance from its own window's mean of the
 * truth, before the step) and how late (from the step until the trace has come half the way), in milliseconds.
 */
export function tradeOff({ rateCode, decodeRate, channels, Samples }) {
  const geometry = channels(["value"]);
  const context = { id: "rate", geometry, seed: 0, readText: () => "" };
  const stage = rateCode.create(rateCode.options.parse(code), context);
  const samples = new Samples(geometry).begin(0, durationS * 1e6);
  samples.reserve(durationS * 1000);
  for (let ms = 0; ms < durationS * 1000; ms++) {
    samples.times[ms] = ms * 1000;
    samples.columns[0][ms] = truthAt(ms * 1000);
  }
  samples.count = durationS * 1000;
  const spikes = stage.step(samples);
  return windowsMs.map((windowMs) => {
    const windowUs = windowMs * 1000;
    const trace = decodeRate(spikes, { ...code, channel: 0, windowUs, everyUs });
    const calm = trace.filter(([timeUs]) => timeUs > 1e6 && timeUs < stepS * 1e6);
    const squares = calm.reduce(
      (sum, [timeUs, value]) => sum + (value - meanTruth(timeUs - windowUs, timeUs)) ** 2,
      0,
    );
    const half = truthAt(stepS * 1e6) - 0.2;
    const [crossedUs] = trace.find(([timeUs, value]) => timeUs >= stepS * 1e6 && value >= half);
    return {
      windowMs,
      trace,
      coarse: Math.sqrt(squares / calm.length),
      lateMs: crossedUs / 1000 - stepS * 1000,
    };
  });
}

function meanTruth(fromUs, toUs) {
  let sum = 0;
  for (let k = 0; k < 50; k++) sum += truthAt(fromUs + ((k + 0.5) / 50) * (toUs - fromUs));
  return sum / 50;
}

/** The picture: traces around the step above, coarseness and lateness by width below. */
export function svgOf(results) {
  const [width, left, top, height, below] = [640, 60, 40, 260, 380];
  const [fromUs, toUs] = [5e6, 7.5e6];
  const x = (timeUs) => left + ((timeUs - fromUs) / (toUs - fromUs)) * width;
  const y = (value) => top + (1 - value) * height;
  const line = (points, colour, thick) =>
    `<polyline fill="none" stroke="${colour}" stroke-width="${thick}" points="${points.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" ")}"/>`;
  const shown = (trace) =>
    trace
      .filter(([timeUs]) => timeUs >= fromUs && timeUs <= toUs)
      .map(([timeUs, value]) => [x(timeUs), y(value)]);
  const truth = [];
  for (let timeUs = fromUs; timeUs <= toUs; timeUs += everyUs) truth.push([timeUs, truthAt(timeUs)]);
  const colours = { 25: "#c30", 200: "#06c", 800: "#282" };
  const traces = results.filter(({ windowMs }) => windowMs in colours);
  const bx = (ms) => left + 40 + (Math.log2(ms / 25) / 5) * (width - 80);
  const most = (of) => Math.max(...results.map((one) => one[of]));
  const by = (of) => (one) => [bx(one.windowMs), below + 150 - (140 * one[of]) / most(of)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width + 2 * left}" height="600" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${left}" y="24" font-size="14">A rate code of 200 Hz read through windows of 25, 200 and 800 ms</text>`,
    line(shown(truth), "#000", 2),
    ...traces.map(({ windowMs, trace }) => line(shown(trace), colours[windowMs], 1.2)),
    ...traces.map(
      ({ windowMs }, k) =>
        `<text x="${left + 10}" y="${top + 20 + 18 * k}" fill="${colours[windowMs]}">${windowMs} ms</text>`,
    ),
    `<text x="${left}" y="${below - 20}" font-size="14">By width, each as a share of the largest: how coarse (red), how late (blue)</text>`,
    line(results.map(by("coarse")), "#c30", 2),
    line(results.map(by("lateMs")), "#06c", 2),
    ...results.map(
      (one) =>
        `<text x="${bx(one.windowMs)}" y="${below + 170}" text-anchor="middle">${one.windowMs} ms</text>` +
        `<text x="${bx(one.windowMs)}" y="${below + 186}" text-anchor="middle" fill="#c30">${one.coarse.toFixed(4)}</text>` +
        `<text x="${bx(one.windowMs)}" y="${below + 202}" text-anchor="middle" fill="#06c">${one.lateMs.toFixed(0)} ms</text>`,
    ),
    "</svg>\n",
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { rateCode } = await import("../dist/src/encoders/index.js");
  const { decodeRate } = await import("../dist/src/encoders/decode.js");
  const { channels } = await import("../dist/src/events/geometry.js");
  const { Samples } = await import("../dist/src/events/samples.js");
  const results = tradeOff({ rateCode, decodeRate, channels, Samples });
  for (const { windowMs, coarse, lateMs } of results)
    console.log(`window ${windowMs} ms: coarse ${coarse.toFixed(4)}, late ${lateMs.toFixed(0)} ms`);
  if (process.argv[2]) writeFileSync(process.argv[2], svgOf(results));
}
