/** The serial ports of this machine, found without udev: what is plugged in, by which id it is opened, and who holds it. */

import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface FoundPort {
  /** `/dev/ttyACM0`, `COM3`. */
  readonly path: string;
  /** What stands behind `id:` to open this port wherever it comes up: its name by id, or vendor:product:serial. */
  readonly ids: readonly string[];
  /** In words, where the device says it. */
  readonly about: string;
}

/** Walks up from a terminal's device to the USB device that it is a part of. */
const parentsMax = 6;

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
};

const textOf = (file: string): string => {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
};

/**
 * On Linux from `/sys/class/tty` (and `/dev/serial/by-id` where udev has made it), on macOS from the names in `/dev`. Terminals
 * without a device behind them are none. `root` stands for `/` in tests.
 */
export function foundPorts(root = "/"): FoundPort[] {
  const byId = new Map<string, string[]>();
  for (const name of list(join(root, "dev/serial/by-id"))) {
    const target = nameBehind(join(root, "dev/serial/by-id", name));
    if (target) byId.set(target, [...(byId.get(target) ?? []), name]);
  }
  const terminals = list(join(root, "sys/class/tty")).filter(
    (name) =>
      /^tty(USB|ACM|AMA|S)\d+$/.test(name) &&
      existsSync(join(root, "sys/class/tty", name, "device")) &&
      existsSync(join(root, "dev", name)),
  );
  const onLinux = terminals.map((name): FoundPort => {
    const usb = usbOf(join(root, "sys/class/tty", name, "device"));
    return {
      path: `/dev/${name}`,
      ids: [...(byId.get(name) ?? []), ...(usb?.ids ?? [])],
      about: usb?.about ?? "",
    };
  });
  const onMac = list(join(root, "dev")).filter((name) => name.startsWith("cu."));
  return [...onLinux, ...onMac.map((name) => ({ path: `/dev/${name}`, ids: [name], about: "" }))];
}

function nameBehind(link: string): string | undefined {
  try {
    return basename(readlinkSync(link));
  } catch {
    return undefined;
  }
}

function usbOf(device: string): { ids: string[]; about: string } | undefined {
  let folder: string;
  try {
    folder = realpathSync(device);
  } catch {
    return undefined;
  }
  for (let up = 0; up < parentsMax; up++, folder = dirname(folder)) {
    const vendor = textOf(join(folder, "idVendor"));
    if (!vendor) continue;
    const kind = `${vendor}:${textOf(join(folder, "idProduct"))}`;
    const serial = textOf(join(folder, "serial"));
    const about = [textOf(join(folder, "manufacturer")), textOf(join(folder, "product"))]
      .filter(Boolean)
      .join(" ");
    return { ids: serial ? [serial, `${kind}:${serial}`, kind] : [kind], about };
  }
  return undefined;
}

/**
 * The path behind what a document calls a port. `id:` and a name by id, a serial number, `vendor:product` or
 * `vendor:product:serial` is looked up at each opening, since a board that is plugged in again may get another number.
 * Throws an Error with `candidates` when no port has that id, or several have it.
 */
export function portPath(given: string, ports: () => readonly FoundPort[] = foundPorts): string {
  if (!given.startsWith("id:")) return given;
  const wanted = given.slice(3).toLowerCase();
  const all = ports();
  const found = all.filter(({ ids }) => ids.some((id) => id.toLowerCase() === wanted));
  const [first] = found;
  if (first && found.length === 1) return first.path;
  throw new PortIdError(
    first ? `${found.length} ports have this id` : "no port has this id",
    first ? found : all,
  );
}

/** No port, or no single one, has the id that was asked for. */
export class PortIdError extends Error {
  readonly candidates: readonly FoundPort[];

  constructor(message: string, candidates: readonly FoundPort[]) {
    super(message);
    this.candidates = candidates;
  }
}

export interface Holder {
  readonly pid: number;
  /** The program's name, where it may be read. */
  readonly name: string;
}

/**
 * Who has a port open, from `/proc`: by its open files where these may be read (one's own processes, or as root), else by
 * the lock that a program with manners has on it.
 */
export function holdersOf(path: string, root = "/"): Holder[] {
  const proc = join(root, "proc");
  let real: string;
  let inode: number;
  try {
    real = realpathSync(join(root, path));
    inode = statSync(real).ino;
  } catch {
    return [];
  }
  const open = list(proc).filter(
    (pid) =>
      /^\d+$/.test(pid) &&
      list(join(proc, pid, "fd")).some((fd) => {
        try {
          return readlinkSync(join(proc, pid, "fd", fd)) === real;
        } catch {
          return false;
        }
      }),
  );
  // 1: FLOCK  ADVISORY  WRITE 1234 00:05:9876 0 EOF
  const locked = textOf(join(proc, "locks"))
    .split("\n")
    .flatMap((line) => {
      const [, pid, node] = /\s(\d+)\s+[\da-f]+:[\da-f]+:(\d+)\s/.exec(line) ?? [];
      return pid !== undefined && Number(node) === inode ? [pid] : [];
    });
  return [...new Set([...open, ...locked])]
    .map(Number)
    .sort((a, b) => a - b)
    .map((pid) => ({ pid, name: textOf(join(proc, String(pid), "comm")) }));
}
