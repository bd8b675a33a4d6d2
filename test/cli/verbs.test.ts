/** The command line from outside: what each verb prints, and how it fails. */

import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { cli } from "../support/cli.ts";
import { root } from "../support/world.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-"));
afterAll(() => rmSync(folder, { recursive: true }));

const noStack = (stderr: string) => expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);

describe("run", () => {
  test("plays a document and sums it up", async () => {
    const { code, stdout, stderr } = await cli(["run", "pipelines/follow.yaml"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/pipelines\/follow\.yaml: dry run, \d\.\d\d s of recorded time/);
    expect(stdout).toMatch(
      /[\d,]{6,} events in, [\d,]+ spikes, [1-9][\d,]* synaptic operations, [\d,]+ commands, peak memory \d+ MB/,
    );
    expect(stdout).toMatch(/brain +core .*synaptic operations/);
    expect(stdout).toMatch(/pan +dry-run/);
  });

  test("--json prints one object and nothing else", async () => {
    const { code, stdout, stderr } = await cli(["run", "pipelines/follow.yaml", "--json"]);
    expect([code, stderr]).toEqual([0, ""]);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({
      document: "pipelines/follow.yaml",
      live: false,
      exitCode: 0,
      errors: [],
    });
    expect(summary.synapticOperations).toBeGreaterThan(1000);
    expect(summary.realTimeFactor).toBeGreaterThan(1);
    expect(summary.peakMemoryBytes).toBeGreaterThan(1e7);
    expect(summary.stages[0]).toMatchObject({ id: "eye", use: "recording", out: summary.eventsIn });
    expect(summary.stages[4].latency).toHaveProperty("p99Us");
  });

  test("at --speed 1 takes as long as the recording", async () => {
    const file = join(folder, "short.yaml");
    writeFileSync(file, "stages:\n  - { id: eye, use: synthetic, scene: moving-dot, durationMs: 700 }\n");
    const { stdout } = await cli(["run", file, "--speed", "1", "--json"]);
    const { wallUs, realTimeFactor } = JSON.parse(stdout);
    expect(wallUs).toBeGreaterThan(600_000);
    expect(realTimeFactor).toBeLessThan(1.2);
  });

  test("ends at SIGTERM in the failsafe, with a summary and exit code 0", async () => {
    const trace = join(folder, "aborted.jsonl");
    const running = cli(["run", "pipelines/follow.yaml", "--speed", "0.2", "--trace", trace], {});
    const moving = () => existsSync(trace) && readFileSync(trace, "utf8").includes('"wire"');
    await expect.poll(moving, { timeout: 20_000 }).toBe(true);
    const { execFileSync } = await import("node:child_process");
    execFileSync("pkill", ["-TERM", "-f", trace]);
    const { code, stdout } = await running;
    expect(code).toBe(0);
    expect(stdout).toMatch(/dry run, interrupted, \d+\.\d+ s of recorded time/);
    const last = readFileSync(trace, "utf8").trimEnd().split("\n").slice(-9).join("\n");
    expect(last).toMatch(/"guard":"disarmed","cause":"disarm"/);
    expect(last).toMatch(/"safe":"release"/);
  });

  test.each([
    [["run", "nowhere.yaml"], 2, /there is no such file \(nowhere\.yaml\)/],
    [["run", "pipelines/follow.yaml", "--speed", "fast"], 2, /--speed fast is no speed/],
    [["run", "pipelines/follow.yaml", "--arm"], 2, /--arm has no meaning in a dry run.*Add --live/],
    [["run", "pipelines/follow.yaml", "--live", "--speed", "max"], 2, /faster than their limits/],
    [
      ["run", "pipelines/follow.yaml", "--set", "eye.fil=x"],
      2,
      /no option "fil" \(--set eye\.fil=x\)\. Did you mean "file"/,
    ],
    [["run", "pipelines/follow.yaml", "--set", "eye.file=none.aedat4"], 2, /none\.aedat4/],
    [
      ["run", "pipelines/follow.yaml", "--trace", "no/such/folder/x"],
      2,
      /the trace can't be written: ENOENT/,
    ],
    [["run"], 2, /missing required argument 'document'/],
    [["walk"], 2, /unknown command 'walk'/],
    [
      ["run", "pipelines/follow.yaml", "--spede", "1"],
      2,
      /unknown option '--spede'[\s\S]*Did you mean --speed/,
    ],
    [["demo", "folow"], 2, /no bundled pipeline "folow"\. Did you mean "follow"/],
    [["list", "recordin"], 2, /Did you mean "recording"/],
  ] as const)("%j fails kindly", async (args, exitCode, message) => {
    const { code, stderr, stdout } = await cli(args);
    expect(stderr).toMatch(message);
    expect(code).toBe(exitCode);
    expect(stdout).toBe("");
    noStack(stderr);
  });

  test("a missing port is named with its remedy, and nothing is played", async () => {
    const file = join(folder, "port.yaml");
    const text = readFileSync(join(root, "pipelines/follow.yaml"), "utf8").replace(
      "use: dry-run,",
      "use: serial-line, port: /dev/ttyNOWHERE,",
    );
    writeFileSync(
      file,
      text
        .replace("../recordings", join(root, "recordings"))
        .replace("follow.network", join(root, "pipelines/follow.network")),
    );
    const { code, stdout, stderr } = await cli(["run", file, "--live", "--arm"]);
    expect(code).toBe(5);
    expect(stderr).toMatch(/\/dev\/ttyNOWHERE/);
    expect(stdout).toBe("");
    noStack(stderr);
  });

  test("a cut recording is used up to the cut, and told", async () => {
    const file = join(folder, "cut.aedat4");
    copyFileSync(join(root, "recordings/moving-dot.aedat4"), file);
    truncateSync(file, 50_000);
    const { code, stdout, stderr } = await cli(["run", "pipelines/follow.yaml", "--set", `eye.file=${file}`]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/[1-9][\d,]* events in/);
    expect(stderr).toMatch(/cut\.aedat4/);
    noStack(stderr);
  });
});

describe("what must not be lost", () => {
  test("a trace is never written over a document or a recording", async () => {
    for (const name of ["mine.yaml", "mine.aedat4"]) {
      const file = join(folder, name);
      copyFileSync(
        join(root, name.endsWith("yaml") ? "pipelines/digit.yaml" : "recordings/moving-dot.aedat4"),
        file,
      );
      const before = readFileSync(file);
      const { code, stderr } = await cli(["run", "pipelines/follow.yaml", "--trace", file]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/exists and is no trace.*Name another file/)]);
      expect(readFileSync(file).equals(before)).toBe(true);
    }
  });

  test("a trace on a full disk is told, with its exit code", async () => {
    const { code, stderr } = await cli(["run", "pipelines/follow.yaml", "--trace", "/dev/full"]);
    expect([code, stderr]).toEqual([4, expect.stringMatching(/the trace ends early: ENOSPC.*Make room/)]);
    noStack(stderr);
  });

  test("slow motion is no stall", async () => {
    const file = join(folder, "slow.yaml");
    const text = readFileSync(join(root, "pipelines/follow.yaml"), "utf8").replace(
      /..\/recordings/,
      join(root, "recordings"),
    );
    writeFileSync(file, text.replace("follow.network", join(root, "pipelines/follow.network")));
    const { stdout, stderr } = await cli([
      "run",
      file,
      "--speed",
      "0.02",
      "--set",
      "eye.toUs=20000",
      "--json",
    ]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout).commands).toBeGreaterThan(0);
  });

  test("who stops reading the output sees no stack trace", async () => {
    const { spawnSync } = await import("node:child_process");
    const run = `"${process.execPath}" dist/src/cli/main.js list --schema | head -1`;
    const { stderr, stdout } = spawnSync("sh", ["-c", run], { cwd: root, encoding: "utf8" });
    expect([stdout, stderr]).toEqual(["{\n", ""]);
  });

  test("--json tells a wrong call too", async () => {
    const { code, stdout } = await cli(["run", "--json"]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout).errors[0].what).toMatch(/missing required argument/);
  });
});

describe("verify", () => {
  const trace = join(folder, "follow.jsonl");

  test("proves that a run can be repeated, at another speed and cut too", async () => {
    expect((await cli(["run", "pipelines/follow.yaml", "--trace", trace])).code).toBe(0);
    const { code, stdout } = await cli(["verify", trace]);
    expect(stdout).toMatch(/is the same, byte for byte: \d{4} lines of pipelines\/follow\.yaml/);
    expect(code).toBe(0);
    const again = join(folder, "again.jsonl");
    await cli(["run", "pipelines/follow.yaml", "--trace", again]);
    expect(readFileSync(again, "utf8")).toBe(readFileSync(trace, "utf8"));
  });

  const alter = async (change: (text: string) => string) => {
    const file = join(folder, "altered.jsonl");
    const before = readFileSync(trace, "utf8");
    writeFileSync(file, change(before));
    expect(readFileSync(file, "utf8")).not.toBe(before);
    const result = await cli(["verify", file, "--json"]);
    expect(result.code).toBe(3);
    return JSON.parse(result.stdout).difference.what as string;
  };

  test("names one altered motor byte", async () => {
    const what = await alter((text) =>
      text.replace(
        /("stage":"pan","safe":"move".*?"wire":"..)(..)/,
        (_, before, byte) => before + (byte === "00" ? "01" : "00"),
      ),
    );
    expect(what).toMatch(/wire of "pan" at \d+ us: motor byte 1 is 0x00 in the trace and 0x.. in the run/);
  });

  test("names one altered event", async () => {
    const what = await alter((text) =>
      text.replace(
        /("stage":"brain","spikes":\[\[\d+,)(\d+)/,
        (_, before, id) => `${before}${Number(id) + 1}`,
      ),
    );
    expect(what).toMatch(
      /spikes of "brain" at \d+ us: event 0 of the window is address \d+ at (\d+) us in the trace and address \d+ at \1 us in the run/,
    );
  });

  test("names one altered time", async () => {
    const what = await alter((text) =>
      text.replace(/"atUs":(\d+)(,"stage":"aim-pan")/, (_, us, rest) => `"atUs":${Number(us) + 1}${rest}`),
    );
    expect(what).toMatch(
      /command of "aim-pan" at (\d+) us: the time is \1 us in the trace and \d+ us in the run/,
    );
  });

  test("names a recording that has changed", async () => {
    const what = await alter((text) =>
      text.replace(
        /("sha256":")(.)(?=[^}]*"}\]})/,
        (_, before, digit) => before + (digit === "0" ? "1" : "0"),
      ),
    );
    expect(what).toMatch(/the header: the file .* has changed since the trace was written/);
  });

  test("refuses what is no trace", async () => {
    const { code, stderr } = await cli(["verify", "README.md"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/the first line is no trace header \(README\.md:1\)/);
    expect((await cli(["verify", "nowhere.jsonl"])).stderr).toMatch(/can't be read: ENOENT/);
  });
});

describe("info", () => {
  test("--json prints an object for one file, an array for several", async () => {
    const one = JSON.parse((await cli(["info", "recordings/moving-dot.aedat4", "--json"])).stdout);
    expect(one).toMatchObject({
      file: "recordings/moving-dot.aedat4",
      format: "aedat4",
      monotone: true,
      problems: [],
    });
    expect(one.on + one.off).toBe(one.events);
    expect(one.lastUs - one.firstUs).toBe(one.durationUs);
    const both = JSON.parse(
      (await cli(["info", "recordings/moving-dot.aedat4", "recordings/bouncing-ball.aedat4", "--json"]))
        .stdout,
    );
    expect(both).toHaveLength(2);
    expect(both[0]).toEqual(one);
  });

  test("goes on with the other files when one can't be read", async () => {
    const { code, stdout, stderr } = await cli(["info", "nowhere.aedat4", "recordings/moving-dot.aedat4"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/there is no such file \(nowhere\.aedat4\)/);
    expect(stdout).toMatch(/[\d,]{6,} events/);
  });
});

describe("check and list", () => {
  test("check says that a document is fine, or every mistake in it", async () => {
    expect((await cli(["check", "pipelines/follow.yaml"])).stdout).toMatch(
      /pipelines\/follow\.yaml is fine: \d+ stages/,
    );
    const file = join(folder, "wrong.yaml");
    writeFileSync(file, "stages:\n  - { id: eye, use: recordin }\n  - { id: a, use: crop, widht: 3 }\n");
    const { code, stderr } = await cli(["check", file]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wrong\.yaml:2\)\. Did you mean "recording"/);
    expect(stderr).toMatch(/wrong\.yaml:3\)\. Did you mean "width"/);
    noStack(stderr);
  });

  test.each([
    [
      "brain.network=none.yaml",
      /there is no such file \(.*none\.yaml; stage "brain" at pipelines\/follow\.yaml:\d+\)/,
    ],
    [
      "eye.file=none.aedat4",
      /there is no such file \(.*none\.aedat4; stage "eye" at pipelines\/follow\.yaml:\d+\)/,
    ],
    ["grid.columns=17", /shape/],
  ])("check looks into networks and files: %s", async (override, message) => {
    const { code, stderr } = await cli(["check", "pipelines/follow.yaml", "--set", override]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test("list shows every stage and driver, and the options of one", async () => {
    const { stdout } = await cli(["list"]);
    for (const name of [
      "recording",
      "synthetic",
      "dry-run",
      "serial-line",
      "refractory",
      "polarity-grid",
      "core",
      "rate",
    ])
      expect(stdout).toMatch(new RegExp(`^${name} `, "m"));
    expect((await cli(["list", "serial-line"])).stdout).toMatch(/port +.*serial port[\s\S]*limits +/);
    expect(JSON.parse((await cli(["list", "--json"])).stdout).length).toBeGreaterThan(15);
  });
});
