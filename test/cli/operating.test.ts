/** A live run and its operator, in processes of their own: every way of arming and stopping, one after another. */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { RunStatus } from "../../src/pipeline/operator.ts";
import { cli } from "../support/cli.ts";
import {
  endPeers,
  eventually,
  followWith,
  longEye,
  peer,
  temporaryFolder,
  untilEnd,
} from "../support/peers.ts";
import { root } from "../support/world.ts";

afterEach(endPeers);

function ownState(): string {
  const before = process.env.REFLEXARC_STATE;
  process.env.REFLEXARC_STATE = temporaryFolder();
  untilEnd(() => {
    if (before === undefined) delete process.env.REFLEXARC_STATE;
    else process.env.REFLEXARC_STATE = before;
  });
  return process.env.REFLEXARC_STATE;
}

test("verbs, HTTP, a signal and a file arm and stop it; a stop stays until it is reset", async () => {
  const stopFile = join(ownState(), "stop");
  const document = followWith({ pan: { use: "mqtt", port: 0 } }, longEye);
  const { child, said } = peer(process.execPath, [
    join(root, "dist/src/cli/main.js"),
    ...["run", document, "--live", "--json", "--control", "0", "--stop-file", stopFile],
  ]);
  const [, url, token] = await eventually("the endpoint", () =>
    /control: (http:\S+), token (\w+)/.exec(said.stderr),
  );
  const status = async () => {
    const answer = await fetch(`${url}/status`, { headers: { authorization: `Bearer ${token}` } });
    return (await answer.json()) as { stopped: boolean; run: RunStatus | null };
  };
  const post = (path: string, authorization?: string) =>
    fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...(authorization && { authorization }) },
      body: "{}",
    });
  const operator = async (path: string) => (await post(path, `Bearer ${token}`)).status;
  const becomes = (state: string) =>
    eventually(state, async () => (await status()).run?.actuators.every((each) => each.state === state));
  await becomes("disarmed");

  const armed = await cli(["arm"]);
  expect([armed.code, armed.stdout]).toEqual([0, "pan (mqtt) is armed.\n"]);
  const moved = async () => ((await status()).run?.actuators[0]?.commands ?? 0) > 5;
  await eventually("motion", moved);

  const stopped = await cli(["stop"]);
  expect([stopped.code, stopped.stdout]).toMatchObject([0, expect.stringMatching(/emergency-stopped/)]);
  await becomes("emergency-stopped");
  const refused = await cli(["arm", "--run", String(child.pid)]);
  expect([refused.code, refused.stderr]).toMatchObject([2, expect.stringMatching(/reset that first/)]);
  expect((await cli(["arm", "pan", "--reset", "--json"])).code).toBe(0);

  child.kill("SIGUSR2");
  await becomes("emergency-stopped");
  expect([await operator("/reset"), await operator("/arm")]).toEqual([200, 200]);
  await becomes("armed");

  writeFileSync(stopFile, "");
  await becomes("emergency-stopped");
  expect([await operator("/reset"), await operator("/arm")]).toEqual([409, 409]);
  rmSync(stopFile);
  await eventually("the reset", async () => (await operator("/reset")) === 200);
  expect(await operator("/arm")).toBe(200);

  // Who knows no token may still stop it, and no more.
  expect([(await post("/arm")).status, (await post("/stop")).status]).toEqual([401, 200]);
  await becomes("emergency-stopped");

  child.kill("SIGTERM");
  const summary = await eventually("the summary", () => said.stdout && JSON.parse(said.stdout));
  const pan = summary.stages.find(({ id }: { id: string }) => id === "pan");
  expect([summary.exitCode, pan.counts["emergency stop"]]).toEqual([0, 4]);
  await eventually("no run", async () => /no live run/.test((await cli(["stop"])).stderr));
});
