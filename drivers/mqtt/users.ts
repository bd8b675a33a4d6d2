/** Who may use a broker: a file of users with hashed passwords and what each may publish and hear. */

import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { parseDocument } from "yaml";
import { z } from "zod";
import { ReflexarcError } from "../../src/errors.ts";
import { readYaml } from "../../src/yaml.ts";
import type { Door, Visitor } from "./server.ts";
import { covers, topicFilter } from "./topic-filters.ts";

const filters = z.array(z.string().min(1).max(512).regex(topicFilter, "must be a topic filter")).max(256);

/** `scrypt$<N>$<salt>$<hash>`, both in base64url; r is 8 and p is 1 (RFC 7914). */
const hashPattern = /^scrypt\$(\d{4,7})\$([\w-]{16,128})\$([\w-]{43})$/;

const usersFile = z.strictObject({
  users: z.record(
    z.string().regex(/^[\w.@-]{1,64}$/, "must be a name of letters, digits, . @ - and _"),
    z.strictObject({
      password: z.string().regex(hashPattern, "must be a hash that `reflexarc broker --add` has made"),
      publish: filters.default([]),
      subscribe: filters.default([]),
    }),
  ),
});

export type Users = z.output<typeof usersFile>["users"];

/** Reads a file of users. Throws a usage error that names the line. */
export function readUsers(text: string, where: string): Users {
  const yaml = readYaml(text, where, "document");
  const parsed = usersFile.safeParse(yaml.value);
  if (parsed.success) return parsed.data.users;
  const [issue] = parsed.error.issues;
  const path = (issue?.path ?? []).map((part) => (typeof part === "symbol" ? String(part) : part));
  throw new ReflexarcError({
    kind: "usage",
    room: "broker",
    what: `${path.join(".") || "the file of users"}: ${issue?.message}`,
    where: yaml.whereIs(path),
    remedy:
      "Write `users: { ann: { password: scrypt$..., publish: [a/b], subscribe: [a/#] } }`; --add makes one.",
  });
}

/** The text with a user added or given another password; what else stands there stays, comments too. */
export function withUser(text: string, name: string, user: Users[string]): string {
  const document = parseDocument(text.trim() === "" ? "users: {}\n" : text);
  document.setIn(["users", name], document.createNode(user));
  const next = String(document);
  readUsers(next, "the file of users");
  return next;
}

const cost = 2 ** 15;
const costMax = 2 ** 17;
const hashBytes = 32;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(Buffer.from(password), salt, cost);
  return `scrypt$${cost}$${salt.toString("base64url")}$${hash.toString("base64url")}`;
}

async function matches(password: Buffer, hash: string): Promise<boolean> {
  const [, n, salt, expected] = hashPattern.exec(hash) ?? [];
  if (n === undefined || Number(n) > costMax) return false;
  const given = await derive(password, Buffer.from(salt!, "base64url"), Number(n));
  const wanted = Buffer.from(expected!, "base64url");
  return wanted.length === given.length && timingSafeEqual(given, wanted);
}

function derive(password: Buffer, salt: Buffer, n: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, { N: n, r: 8, p: 1, maxmem: 256 * n * 8 }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** Passwords that are tried at one time; who waits too long for its turn is cut off by the broker. */
const trialsMax = 2;

/**
 * Lets in who has the password of a user, to do what the file says and nothing else. A name that nobody has takes as long as a
 * wrong password.
 */
export function doorOf(users: Users): Door {
  const visitors = new Map(Object.entries(users).map(([name, user]) => [name, visitorOf(name, user)]));
  const nobody = hashPassword(randomBytes(16).toString("hex"));
  const turns = turnstile(trialsMax);
  return async ({ username, password }) => {
    const refused = { refused: "passwords refused", returnCode: 4 } as const;
    if (username === undefined) return { refused: "anonymous clients refused", returnCode: 5 };
    const user = Object.hasOwn(users, username) ? users[username] : undefined;
    const hash = user?.password ?? (await nobody);
    const right = await turns(() => matches(password ?? Buffer.alloc(0), hash));
    return (right && user && visitors.get(username)) || refused;
  };
}

/** On the loopback, without a file of users: this machine's programs may do all but leave commands behind. */
export const localDoor: Door = ({ username }) =>
  username === undefined
    ? visitorOf("", { publish: ["#"], subscribe: ["#"] })
    : { refused: "passwords refused", returnCode: 4 };

/** What is retained here would move or arm something later, by itself. */
const commandTopic = /(^|\/)(command|set|enable|disable|emergency-stop)$/;

function visitorOf(
  name: string,
  { publish, subscribe }: Pick<Users[string], "publish" | "subscribe">,
): Visitor {
  return {
    name,
    refusesPublish(topic, retain) {
      if (!publish.some((filter) => covers(filter, topic))) return "topics refused";
      return retain && commandTopic.test(topic) ? "retained commands refused" : undefined;
    },
    refusesSubscribe: (filter) =>
      subscribe.some((allowed) => covers(allowed, filter)) ? undefined : "subscriptions refused",
    mayRead: (topic) => subscribe.some((allowed) => covers(allowed, topic)),
  };
}

/** Lets so many at a time through, the others in order. */
function turnstile(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let inside = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (inside >= most) await new Promise<void>((go) => waiting.push(go));
    else inside += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else inside -= 1;
    }
  };
}
