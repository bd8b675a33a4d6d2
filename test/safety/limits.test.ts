import { describe, expect, it } from "vitest";
import { z } from "zod";
import { guardOptions, limitsOf } from "../../src/safety/limits.ts";

const schema = z.strictObject(guardOptions);

function complaintOf(limits: object): string | undefined {
  const parsed = schema.safeParse({ limits });
  return parsed.success
    ? undefined
    : parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`).join("; ");
}

describe("limits", () => {
  it("completes angles: home in the middle, half the slew for the first approach", () => {
    const { limits } = schema.parse({ limits: { minDeg: 20, maxDeg: 160, slewDegPerS: 300 } });
    expect(limitsOf(limits, "pan")).toEqual({
      unit: "deg",
      min: 20,
      max: 160,
      home: 90,
      slewPerS: 300,
      accelPerS2: undefined,
      startPerS: 150,
      toggleUs: 0,
    });
  });

  it("rests speeds and duties at 0", () => {
    expect(limitsOf({ minDegPerS: -90, maxDegPerS: 90, slewDegPerS2: 400 }, "wheel").home).toBe(0);
    expect(limitsOf({ minDuty: 0, maxDuty: 1, slewDutyPerS: 2 }, "lamp")).toMatchObject({
      unit: "duty",
      home: 0,
    });
    expect(limitsOf({ toggleMsMin: 100 }, "relay")).toMatchObject({
      unit: "switch",
      max: 1,
      toggleUs: 100_000,
    });
  });

  it.each([
    ["nothing", {}, "limits: limits need minDeg, maxDeg and slewDegPerS, or the same in another unit"],
    ["no slew", { minDeg: 0, maxDeg: 1 }, "limits: limits in deg need minDeg, maxDeg and slewDegPerS"],
    ["only an acceleration", { accelPulseUsPerS2: 1 }, /limits in pulseUs need minPulseUs/],
    ["turned round", { minDeg: 10, maxDeg: 10, slewDegPerS: 1 }, "limits: minDeg must be below maxDeg"],
    ["home outside", { minDeg: 0, maxDeg: 10, homeDeg: 11, slewDegPerS: 1 }, /home \(11\) must lie between/],
    ["no rest inside", { minDuty: 0.2, maxDuty: 1, slewDutyPerS: 1 }, /home \(0\) must lie between minDuty/],
    [
      "two units",
      { minDeg: 0, maxDeg: 9, slewDegPerS: 1, minDuty: 0 },
      /"minDuty" does not belong to limits in deg/,
    ],
    ["a switch with angles", { toggleMsMin: 5, minDeg: 0 }, /"minDeg" does not belong to limits in switch/],
    ["no slew at all", { minDeg: 0, maxDeg: 9, slewDegPerS: 0 }, /limits.slewDegPerS: /],
    ["endless", { minDeg: 0, maxDeg: Infinity, slewDegPerS: 1 }, /limits.maxDeg: /],
    ["misspelt", { minDeg: 0, maxDeg: 9, slewDegPerSec: 1 }, /Unrecognized key: "slewDegPerSec"/],
  ])("refuses %s", (_, limits, complaint) => {
    expect(complaintOf(limits)).toMatch(complaint);
  });

  it("must be given", () => {
    expect(schema.safeParse({}).success).toBe(false);
  });

  it("can be shown to an editor", () => {
    const shown = z.toJSONSchema(schema, { io: "input" });
    expect(shown.required).toEqual(["limits"]);
    expect(JSON.stringify(shown)).toContain("slewDegPerS");
  });
});
