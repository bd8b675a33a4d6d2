/** MQTT clients for tests. */

import mqtt, { type IClientOptions, type MqttClient } from "mqtt";

/** What the next event of a kind brings. */
export function next(client: MqttClient, event: "connect" | "close" | "message"): Promise<unknown[]> {
  return new Promise((resolve) => client.once(event, (...brought: unknown[]) => resolve(brought)));
}

/** A client that is connected; rejects when the broker does not take it. */
export async function joinBroker(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect(url, { reconnectPeriod: 0, ...options });
  client.on("error", () => {});
  const closed = next(client, "close").then(() => Promise.reject(new Error("closed")));
  await Promise.race([next(client, "connect"), closed]);
  closed.catch(() => {});
  return client;
}
