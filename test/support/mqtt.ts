/** MQTT clients and a broker that allows everything, for tests. */

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Aedes } from "aedes";
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

export interface OtherBroker {
  readonly server: Server;
  readonly url: string;
  /** Cuts every connection; whoever comes back is let in. */
  hangUp(): void;
  close(): void;
}

/** A broker as others run it: anyone may do anything. */
export async function otherBroker(): Promise<OtherBroker> {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.once("close", () => sockets.delete(socket)));
    aedes.handle(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  const close = () => {
    aedes.close();
    hangUp();
    server.close();
  };
  return { server, hangUp, close, url: `mqtt://127.0.0.1:${(server.address() as { port: number }).port}` };
}
