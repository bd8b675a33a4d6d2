/**
 * What ROS messages hold beside events: `sensor_msgs/Image` and `sensor_msgs/Imu`, ROS 1 and 2 alike but for the
 * alignment (docs of `sensor_msgs`).
 */

import type { Beside, BesideType, Frame } from "../events/beside.ts";
import { pixelHeightMax, pixelWidthMax } from "../events/geometry.ts";
import { Damage } from "./format.ts";
import type { MessageReader } from "./ros-message.ts";

const typesByName: Readonly<Record<string, BesideType>> = {
  "sensor_msgs/Image": "frames",
  "sensor_msgs/Imu": "imu",
};

/** The records that messages of a type (without the `msg/` of ROS 2) are; undefined for those that can't be read. */
export function besideTypeOf(type: string): BesideType | undefined {
  return Object.hasOwn(typesByName, type) ? typesByName[type] : undefined;
}

/** Names of `sensor_msgs/image_encodings.h` with a byte a channel; `swap` where red comes first. */
const encodings: Readonly<Record<string, { channels: Frame["channels"]; swap: boolean }>> = {
  mono8: { channels: 1, swap: false },
  "8UC1": { channels: 1, swap: false },
  bgr8: { channels: 3, swap: false },
  "8UC3": { channels: 3, swap: false },
  rgb8: { channels: 3, swap: true },
  bgra8: { channels: 4, swap: false },
  "8UC4": { channels: 4, swap: false },
  rgba8: { channels: 4, swap: true },
};

const gravity = 9.80665;
const degreesPerRadian = 180 / Math.PI;
const covarianceNumbers = 9;

/** Reads a message of the type that `besideTypeOf` told. Throws a Damage, after which it is left out. */
export function readBeside(type: BesideType, message: MessageReader): Beside {
  const timeUs = message.header();
  return type === "imu" ? readImu(message, timeUs) : readImage(message, timeUs);
}

/** Orientation (x, y, z, w), rotation in radians a second, acceleration in m/s2; a covariance of 9 numbers after each. */
function readImu(message: MessageReader, timeUs: number): Beside {
  message.skipDoubles(4 + covarianceNumbers);
  const rotation = message.triple(degreesPerRadian);
  message.skipDoubles(covarianceNumbers);
  const acceleration = message.triple(1 / gravity);
  return { type: "imu", timeUs, temperatureC: 0, acceleration, rotation, magneticField: [0, 0, 0] };
}

/** Height, width, encoding, byte order, bytes a row, and the rows. Its stamp is all that is known of its times. */
function readImage(message: MessageReader, timeUs: number): Beside {
  const height = message.uint(4);
  const width = message.uint(4);
  const name = message.text();
  message.uint(1);
  const stride = message.uint(4);
  const data = message.bytes();
  if (!(width > 0 && height > 0 && width <= pixelWidthMax && height <= pixelHeightMax))
    throw new Damage("image of an impossible size, left out");
  const encoding = Object.hasOwn(encodings, name) ? encodings[name] : undefined;
  if (!encoding) throw new Damage("image in an encoding of more than a byte a channel, left out");
  const { channels, swap } = encoding;
  const rowBytes = width * channels;
  if (stride < rowBytes || data.length < stride * (height - 1) + rowBytes)
    throw new Damage("image that is cut, left out");
  const pixels = new Uint8Array(rowBytes * height);
  for (let row = 0; row < height; row++)
    pixels.set(data.subarray(row * stride, row * stride + rowBytes), row * rowBytes);
  if (swap) swapRedAndBlue(pixels, channels);
  const times = { timeUs, fromUs: timeUs, toUs: timeUs, exposureFromUs: timeUs, exposureToUs: timeUs };
  return { type: "frames", ...times, x: 0, y: 0, width, height, channels, pixels };
}

function swapRedAndBlue(pixels: Uint8Array, channels: number): void {
  for (let i = 0; i < pixels.length; i += channels) {
    const red = pixels[i]!;
    pixels[i] = pixels[i + 2]!;
    pixels[i + 2] = red;
  }
}
