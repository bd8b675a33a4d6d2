/** LZ4 blocks, sixteen bytes at a time: what `decodeLz4Block` does. */

/**
 * Unpacks the block at `from` to `to` to `at`; answers where it ends, or 0 for a block that is damaged, so that the
 * plain loop may say how. Never writes further than 32 bytes beyond `limit`; matches reach back to `oldest`.
 */
export function lz4Block(from: usize, to: usize, at: usize, limit: usize, oldest: usize): usize {
  let s = from;
  let d = at;
  while (s < to) {
    const token = <usize>load<u8>(s++);
    let count = token >>> 4;
    // Nearly all literals are few: one copy, of which as much as there is counts.
    v128.store(d, v128.load(s));
    if (count == 15) {
      let more: usize = 255;
      while (more == 255) {
        if (s >= to) return 0;
        more = load<u8>(s++);
        count += more;
      }
      if (count > to - s || count > limit - d) return 0;
      for (let done: usize = 0; done < count; done += 16) v128.store(d + done, v128.load(s + done));
    } else if (count > to - s || count > limit - d) return 0;
    s += count;
    d += count;
    // The last sequence has literals only.
    if (to - s < 2) return s == to ? d : 0;
    const distance = <usize>load<u16>(s);
    s += 2;
    const match = d - distance;
    if (distance == 0 || match < oldest) return 0;
    count = (token & 15) + 4;
    if (count == 19) {
      let more: usize = 255;
      while (more == 255) {
        if (s >= to) return 0;
        more = load<u8>(s++);
        count += more;
      }
    }
    if (count > limit - d) return 0;
    if (distance >= 16) {
      v128.store(d, v128.load(match));
      for (let done: usize = 16; done < count; done += 16) v128.store(d + done, v128.load(match + done));
    } else if (distance >= 8) {
      for (let done: usize = 0; done < count; done += 8) store<u64>(d + done, load<u64>(match + done));
    } else {
      // The bytes repeat within eight: the first ones one by one, then from a place a multiple of the distance back.
      for (let done: usize = 0; done < 8; done++) store<u8>(d + done, load<u8>(match + done));
      const far = distance * ((distance + 7) / distance);
      for (let done: usize = 8; done < count; done += 8) store<u64>(d + done, load<u64>(d + done - far));
    }
    d += count;
  }
  return 0;
}
