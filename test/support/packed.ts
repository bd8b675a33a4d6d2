/** Bytes that the reference compressors made of plain bytes that a formula gives, so that no test needs the tools. */

/** 150,000 bytes of a 37-byte pattern. */
export const pattern = Uint8Array.from({ length: 150_000 }, (_, i) => ((i % 37) ** 2 * 7) & 255);

/** lz4 1.9: linked blocks of 64 KiB with block sizes and a content checksum (`lz4 -BD -B4 -9`). */
export const patternLz4 = fromBase64(
  "BCJNGERAXjABAAD/FgAHHD9wr/xXwDe8T/CfXCcA59zf8A88d8AXfO9w/5xHAMecf3AlAP/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////DUHCv/FfACgEAAA8lAP/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////oUJ9cJwDnVAAAAA8lAP//////////////////////////////////////////////////////////////////////////////////////////////////IlCcf3AABwAAAACI/vwq",
);

/** zstd 1.5: Huffman literals and sequences with a checksum, no size in the header (`zstd -3` from a pipe). */
export const patternZstd = fromBase64(
  "KLUv/QRYfAEAVAIABxw/cK/8V8A3vE/wn1wnAOfc3/APPHfAF3zvcP+cRwDHnH9wAQDF/ke5egJFAAAI3AEA7MkOhEsUuk8=",
);

/** 400 records of 16 bytes that look like events of AEDAT 4. */
export const records = (() => {
  const view = new DataView(new ArrayBuffer(400 * 16));
  for (let i = 0; i < 400; i++) {
    view.setBigInt64(i * 16, BigInt(1631717221674515 + ((i * i) % 997) + i * 40), true);
    view.setInt16(i * 16 + 8, (i * 131) % 346, true);
    view.setInt16(i * 16 + 10, (i * i) % 260, true);
    view.setUint8(i * 16 + 12, i & 1);
  }
  return new Uint8Array(view.buffer);
})();

/** zstd 1.5: tables of its own for literals and sequences, the size in the header (`zstd -19`). */
export const recordsZstd = fromBase64(
  "KLUv/WQAGOVBAGqdaB1FEGCoLWMobBNk2RgpIMFkKR2HxDc3+V8kWYS2qQBRoX72XnQeXS3YCgAAALLknlkVbF+lNZqnMIZpGZ+Zo+Fvc0F+yFCmtwHLAcYBJ3XeaSSjuDXyUZffHYyMQnzIRh9Un2Kku2f7aA9nlyPTULdh5FBvpI2awwVy0ZSX++iCv4UjxyBXYiMv6oZuZNwtuojtYZjojm/jSDLHxTHSht0PbAQlfMZFWN5voh4C55poSHSLD5X1ncJGcs0FuOjvYVzU81ImmnJdrId6SLqHh4jXqz5KWe7ORTLkPcJFQpoDMNGTvrN4qEz0Jw8ZAzfqYwZvj1moC+HMhaB2i3OQ3vENJsLhO8hDEEiH4mOaPe0jWt0qF/JDTsNCzr+NDhrztjYHKYfHbZRB7xwbiaif+egBzmMfdfL2uFAI1a0L7fxP3OegFPw2eJBQ3FY22rA8xkaq/30zAxGBd9ZAbdTlGQhG8Sz/YBA48R8e618cpMXtKAcxIddq45ma9zZW4Vtq45BuhwOJmQ7CQGrHcwayCW7FP17+dvLPmXWd/vHxP9w37AMmutI+1OQO2WcHZwwu9v3v+7goB7gTF6OuSy9+t0jX/+P2UuXfqw8t/Q9d4U1o/HtzCfL+T25D7t+LA3r9Pxzsnp1/v1lj4P/CuYD59+A9c//X7Iyzf9+rGP3LyAuGCeOxCWGSVmcpINfpppr6m6VEyFuKqYpovvbUsW+XjpKL/uUpH/5oKaC3/TGUBcIrWMrP7h1HKY8n8RSWLzsKC+kSDUW2v7BUC3UDHYUEuTd+mnsHjnribRlDjQ3v2ykIvbeOCqJuk59WeBR24sl7yVAVVHd/siG+wFEJ+O3VUD8PO11ZTjWUFf/7KvlpCt4i7JSDupGh3h6Ln3oETr3JzrpQQ+m4jcNOLiBf3kT1RWY2wbcGO6nRDeSmG9PRzNRyHG0noDdpJiH+nmHmFOtFO+mA2x4z4UWfYKbZ47hJC5yPmCnL/77YTDDAFXppc72FmVT44kxp3NZ4iaR6AzOFgQ5jJgPNhXi5fKyXahSXyUwuw094Wb155yWlcC9WyvEJvKThdb6EZd9hpbCPmhlkF8lLT3zdSmCC46ykEx740uvmAl4aGm7TSkI+zElpkitf+tLcm5VIgH7BSgmq25wE5Zt4iXn32Uo/1z1aeQTwGE6y+d8/npzxO1b+JYc7CYjowZN7cP+NRMb610oUXqCTtARf4SQKx3lG2jJdGR9Z6aZyEgjv1skTav5hJCtyq49scNslI/msl3BSzA9HMlN8i4+ioO720Qy8pRqp87+fF3Mw2PN/X8hhNeAdxV9O1NUGw3uV9mIGXsNfXawjD2vitj72AoOcgsGQr+OuMnwj8ZeTbrK50Ex3aK+24y78VcX/3DX3tzb+KmL9ylxf4K7ZSyr6EG9d8Vp3WcHZnr+E/O9rmUsM4AHs9XXd5xK+Aned8M+3xqrzzfUF9Km1ujQ3yVxeH8JaRIrrvPVl+BV3TW824C2ef5rLzItZS4Rfmstql8haRj6Dt8rsP86y+yfe+go+PctHuMm1oLhZhrHEDCda68rzGAuaHMtaxOY3xgpCN+Isvuphy3DhDTqLyt0sfJV2vclZRYBL4yvi/z4DY3Hx+xNN8iDGChP96mcXuB1grAus3/2c4JWM1Ra8i59qxxEYq2q6zZ9NunUYa+ihfh7V7JGxliD/4OeP20V2Hlmv4meTJ2AnUnGZfhqpX3c24Z30U/m/r5CdW2/Bz6y4e+x04jcTP6nEzXbKVRd5VQvfZacXnIWuAqSujp1o9I7gJpDhNbZS8kXctPrbayoqyP25mUHdW6YiszO5icTXXFWE77edRMfVuuqJ3T48xUW486of3gCmChI4CTeRoiOZioG+tViKTPMDpkrzTj219GSugnK96an/3jzIbTweittWKJ62Gttwla/1uJmG12B4o9nE3uY2GzXHnca351hNyp95rWcfew3wPc5mQXDraWbCfVbLudngakEMt/La3McYbS25mdOYNM86LQro8qzGQvUsT+eeOJrX3V+cpuR6lNOoAFyrpUP87+89zfJSoymQ3OFpzeggLFXCnfN0iHUrnga+k9H2guv02ZjjNyy9m670NAK6HTJa22PwGQE1+1iqhdyJp0q3paPxWBfpM6H3snSn+NDTG+oKNyPiLcFnOf/7NpYCecCnwrjBNtvxW+NnSYhzWZqkes9R5c/YjIlzlc+iqD+0TW8gjlaHPzdr4BXgshT+NmHoDMiTHN2rm4vNzuzVoT/eqqNMXm8zpuNPly1gtwAMpRPuwVEvT2SyNIFTMRQnettRpb5lTmblwVy25ZND+5YbZLIk1+cuu0qax9Ar15d47IePXoYjb42GLjXHe0yDvoMm8yG6ORbjeQgeY3ubxmRbhBOx2A67ux67Oq7PZB28CovBkD7AY1O7MQZ7oe4pi9FAbtZjW19mMBzebi6WM1ziY1D0thvMCepHFmP6NH/VkDeUw4xUV2oxKsRzGGz9Zjrs7HP2amIZgwSoEkCQQ3YlyQGCt1LoEugvBqAuA0clbLx5tMjCPcCfjtPIJ8u602/cT12um6qP60FjjIM/KnBVvj5vgztYisINZeOGU5XF/WnSUVxjEDbvaaQbZKiQyaO/iu7uoxwh+NN4KvPMsvPPxEkvqzTDxh2UMuP9pfOL+xcbnSUI3Cdd16HhHc3k0S1u+RFMVdMXonDoKxvBRlge+Qz3VKMbKNzQzOCnxlGkkxkozkZGpW6tqtZWVWuranA4HvucnJ334fiwIBiUR0traQf40NJa2iF8aGktraWhWmOEDcMBgpNoPQ==",
);

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
