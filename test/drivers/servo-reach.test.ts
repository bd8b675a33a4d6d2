/** Limits beyond what a device can be told are refused, in every driver that has an end; the same limits within it are not. */

import { expect, test } from "vitest";
import { readDocument } from "../../src/pipeline/document.ts";
import { catalog } from "../support/world.ts";

const check = (actuator: object, limits: object) =>
  readDocument(
    JSON.stringify({
      stages: [
        { id: "eye", use: "synthetic", scene: "bar" },
        { id: "grid", use: "polarity-grid" },
        { id: "aim", use: "rate" },
        { id: "pan", ...actuator, limits: { slewDegPerS: 100, ...limits } },
      ],
    }),
    "doc.yaml",
    catalog,
  );

test.each<[object, from: number, to: number, options: string]>([
  [{ use: "dry-run" }, 0, 180, "minUs, maxUs, angleMinDeg and angleMaxDeg"],
  [{ use: "serial-line", port: "x" }, 0, 180, "minUs"],
  [
    { use: "serial-line", port: "x", minUs: 2500, maxUs: 500, angleMinDeg: -90, angleMaxDeg: 90 },
    -90,
    90,
    "minUs",
  ],
  [{ use: "firmata-servo", port: "x", pin: 9 }, 0, 180, "minUs"],
  [{ use: "edvs-motor", port: "x" }, 0, 180, "minUs"],
  [{ use: "pololu-maestro", port: "x" }, 0, 180, "minUs"],
  // 1500 +- 476.25 us of 500 to 2500 us for 180 degrees.
  [{ use: "pololu-maestro", port: "x", protocol: "mini-ssc" }, 47.1375, 132.8625, "neutralUs and rangeUs"],
  [{ use: "dynamixel", port: "x", servo: 1 }, 0, 359.912, "zeroPosition and direction"],
  [
    { use: "dynamixel", port: "x", servo: 1, zeroPosition: 2048, direction: "reversed" },
    -179.912,
    180,
    "zeroPosition",
  ],
  [{ use: "dynamixel", port: "x", servo: 1, series: "ax" }, 0, 300, "zeroPosition"],
  [{ use: "feetech", port: "x", servo: 1, series: "sts" }, 0, 359.912, "zeroPosition"],
  [{ use: "feetech", port: "x", servo: 1, series: "scs" }, 0, 299.707, "zeroPosition"],
  [{ use: "lx-16a", port: "x", servo: 1 }, 0, 240, "zeroPosition"],
  [{ use: "lss", port: "x", servo: 1 }, -1800, 1800, "zeroPosition"],
])("%j can be told %d to %d degrees", (actuator, from, to, options) => {
  const within = { minDeg: Math.ceil(from * 100) / 100, maxDeg: Math.floor(to * 100) / 100 };
  expect(() => check(actuator, within)).not.toThrow();
  for (const beyond of [{ minDeg: from - 1 }, { maxDeg: to + 1 }]) {
    const refused = () => check(actuator, { ...within, ...beyond });
    expect(refused).toThrow(/^\[document\] the limits are .* only \(doc\.yaml:1\)\. Narrow the limits/);
    expect(refused).toThrow(new RegExp(`correct .*${options}`));
  }
});

test("pulse widths have their ends, too, and a servo without travel is a mistake with its line", () => {
  const limits = { slewDegPerS: undefined, slewPulseUsPerS: 100, minPulseUs: 600, maxPulseUs: 2400 };
  expect(() => check({ use: "serial-line", port: "x" }, limits)).not.toThrow();
  expect(() => check({ use: "serial-line", port: "x" }, { ...limits, maxPulseUs: 2600 })).toThrow(
    /the limits are 600 to 2600 pulseUs, but serial-line can tell its servo 500 to 2500 only/,
  );
  expect(() => check({ use: "firmata-servo", port: "x", pin: 9 }, { ...limits, minPulseUs: 540 })).toThrow(
    /544 to 2400 only/,
  );
  expect(() =>
    check({ use: "serial-line", port: "x", minUs: 1000, maxUs: 1000 }, { minDeg: 0, maxDeg: 1 }),
  ).toThrow(/must differ \(doc\.yaml:1\)/);
});
