/* Plain C loops over the bytes of a recording: what `npm run bench:decode` measures Reflexarc's decoders against.
 *
 * decode FORMAT FILE WIDTH HEIGHT [check]
 *
 * Same columns as a Packet (double times, 32-bit addresses), same batches, the same checks of bounds and the same
 * undone wraps, and nothing else: no streaming, no report of damage. Prints events, nanoseconds (bytes in memory to
 * columns) and, with `check`, the digest of all events. Build: gcc -O3 -march=native decode.c [-DLZ4 -llz4].
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef LZ4
#include <lz4frame.h>
#endif

enum { batch_max = 16384, spare = 64 };

static double times[batch_max + spare];
static uint32_t addresses[batch_max + spare];
static uint64_t total;
static uint32_t digest;
static int checks;
static uint32_t width, height;

/* Hands a batch on; the compiler can't see that nobody looks at it. */
static __attribute__((noinline)) uint32_t hand_on(uint32_t n) {
  total += n;
  if (checks)
    for (uint32_t i = 0; i < n; i++) {
      uint64_t t = (uint64_t)times[i];
      digest = (digest ^ (uint32_t)t) * 0x01000193u;
      digest = (digest ^ (uint32_t)(t >> 32)) * 0x01000193u;
      digest = (digest ^ addresses[i]) * 0x01000193u;
    }
  __asm__ volatile("" : : "r"(times), "r"(addresses) : "memory");
  return 0;
}

static inline uint32_t u32(const uint8_t *at) {
  uint32_t word;
  memcpy(&word, at, 4);
  return word;
}

static inline uint32_t u32be(const uint8_t *at) { return __builtin_bswap32(u32(at)); }

static void dat(const uint8_t *at, const uint8_t *end) {
  uint32_t n = 0, last = 0;
  double base = 0;
  for (; at + 8 <= end; at += 8) {
    uint32_t stored = u32(at), word = u32(at + 4);
    uint32_t x = word & 0x3fff, y = (word >> 14) & 0x3fff;
    if (stored < last && last - stored > 0x80000000u) base += 4294967296.0;
    last = stored;
    if (x >= width || y >= height) continue;
    times[n] = base + stored;
    addresses[n] = y << 16 | x << 1 | (word >> 28 != 0);
    if (++n == batch_max) n = hand_on(n);
  }
  hand_on(n);
}

static void aedat2_davis(const uint8_t *at, const uint8_t *end) {
  uint32_t n = 0;
  int32_t last = 0;
  double base = 0;
  for (; at + 8 <= end; at += 8) {
    uint32_t address = u32be(at);
    if (address & 0x800007ffu) continue;
    uint32_t x = width - 1 - ((address >> 12) & 0x3ff), y = height - 1 - ((address >> 22) & 0x1ff);
    if (x >= width || y >= height) continue;
    int32_t stored = (int32_t)u32be(at + 4);
    if (stored < 0 && last >= 0 && (int64_t)stored - last < -2147483648ll) base += 4294967296.0;
    last = stored;
    times[n] = base + stored;
    addresses[n] = y << 16 | x << 1 | ((address >> 11) & 1);
    if (++n == batch_max) n = hand_on(n);
  }
  hand_on(n);
}

static void nmnist(const uint8_t *at, const uint8_t *end) {
  uint32_t n = 0;
  double base = 0;
  for (; at + 5 <= end; at += 5) {
    uint32_t x = at[0], y = at[1];
    if (x >= width || y >= height) {
      if (y == 240) base += 8192;
      continue;
    }
    times[n] = base + ((at[2] & 0x7f) << 16 | at[3] << 8 | at[4]);
    addresses[n] = y << 16 | x << 1 | at[2] >> 7;
    if (++n == batch_max) n = hand_on(n);
  }
  hand_on(n);
}

static void evt2(const uint8_t *at, const uint8_t *end) {
  uint32_t n = 0;
  int64_t high = -1;
  double high_us = 0, loops = 0;
  for (; at + 4 <= end; at += 4) {
    uint32_t word = u32(at), type = word >> 28;
    if (type <= 1) {
      uint32_t x = (word >> 11) & 0x7ff, y = word & 0x7ff;
      if (x >= width || y >= height || high < 0) continue;
      times[n] = high_us + ((word >> 22) & 63);
      addresses[n] = y << 16 | x << 1 | type;
      if (++n == batch_max) n = hand_on(n);
    } else if (type == 8) {
      int64_t next = word & 0xfffffff;
      if (next < high - (1 << 27)) loops += 17179869184.0;
      high = next;
      high_us = loops + (double)next * 64;
    }
  }
  hand_on(n);
}

static void evt3(const uint8_t *at, const uint8_t *end) {
  uint32_t n = 0, row = 0, base = 0, on = 0;
  int32_t high = -1, low = 0;
  double time = 0, loops = 0;
  int sees = 0;
  for (; at + 2 <= end; at += 2) {
    uint32_t word = at[0] | at[1] << 8;
    switch (word >> 12) {
      case 0:
        row = word & 0x7ff;
        sees = row < height && high >= 0;
        break;
      case 2: {
        uint32_t x = word & 0x7ff;
        if (!sees || x >= width) break;
        times[n] = time;
        addresses[n++] = row << 16 | x << 1 | ((word >> 11) & 1);
        break;
      }
      case 3:
        base = word & 0x7ff;
        on = (word >> 11) & 1;
        break;
      case 4:
      case 5: {
        uint32_t size = word >> 12 == 4 ? 12 : 8;
        if (sees)
          for (uint32_t mask = word & ((1u << size) - 1); mask; mask &= mask - 1) {
            uint32_t x = base + (uint32_t)__builtin_ctz(mask);
            if (x >= width) break;
            times[n] = time;
            addresses[n++] = row << 16 | x << 1 | on;
          }
        base += size;
        break;
      }
      case 6:
        low = word & 0xfff;
        time = loops + high * 4096.0 + low;
        break;
      case 8: {
        int32_t next = word & 0xfff;
        if (next == high) break;
        if (high - next >= 4085) loops += 16777216.0;
        high = next;
        low = 0;
        time = loops + high * 4096.0;
        sees = row < height;
        break;
      }
    }
    if (n >= batch_max) n = hand_on(n);
  }
  hand_on(n);
}

/* Event Stream, dvs: a byte of time and polarity, or of time alone; y counts from the bottom. */
static void es(const uint8_t *at, const uint8_t *end) {
  uint32_t n = 0;
  double time = 0;
  while (at < end) {
    uint32_t first = *at;
    if (first >= 0xfe) {
      if (first == 0xff) time += 127;
      at += 1;
      continue;
    }
    if (at + 5 > end) break;
    uint32_t x = at[1] | at[2] << 8, y = height - 1 - (at[3] | at[4] << 8);
    at += 5;
    time += first >> 1;
    if (x >= width || y >= height) continue;
    times[n] = time;
    addresses[n] = y << 16 | x << 1 | (first & 1);
    if (++n == batch_max) n = hand_on(n);
  }
  hand_on(n);
}

/* 16-byte event structs; a batch ends with each packet of the file, as there. */
static void event_structs(const uint8_t *at, uint32_t count) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++, at += 16) {
    uint64_t time;
    memcpy(&time, at, 8);
    uint32_t place = u32(at + 8), x = place & 0xffff, y = place >> 16;
    if (x >= width || y >= height || time >> 53) continue;
    times[n] = (double)(int64_t)time;
    addresses[n] = y << 16 | x << 1 | (at[12] != 0);
    if (++n == batch_max) n = hand_on(n);
  }
  hand_on(n);
}

/* A FlatBuffer EventPacket, after its size: the vector of its first field. */
static void event_packet(const uint8_t *buffer) {
  const uint8_t *root = buffer + u32(buffer);
  const uint8_t *table = root - (int32_t)u32(root);
  uint32_t field = table[4] | table[5] << 8;
  const uint8_t *vector = root + field + u32(root + field);
  event_structs(vector + 4, u32(vector));
}

static uint8_t plain[1 << 25];
static uint64_t unpacked;

static size_t unlz4(const uint8_t *at, size_t size) {
#ifdef LZ4
  static LZ4F_dctx *context;
  if (!context) LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
  size_t room = sizeof plain;
  if (LZ4F_decompress(context, plain, &room, at, &size, NULL) != 0) exit(3);
  unpacked += room;
  return room;
#else
  (void)at, (void)size;
  exit(4);
#endif
}

enum kind { aedat4_none, aedat4_lz4, lz4_only };

static void aedat4(const uint8_t *start, const uint8_t *at, const uint8_t *end, enum kind kind) {
  /* IOHE: the second field tells where the data end. */
  const uint8_t *header = start + 14 + 4, *root = header + u32(header), *table = root - (int32_t)u32(root);
  int64_t table_at;
  memcpy(&table_at, root + (table[6] | table[7] << 8), 8);
  if (table_at > 0) end = start + table_at;
  while (at + 8 <= end) {
    uint32_t size = u32(at + 4);
    if (kind == aedat4_none) event_packet(at + 8 + 4);
    else {
      unlz4(at + 8, size);
      if (kind == aedat4_lz4) event_packet(plain + 4);
      else __asm__ volatile("" : : "r"(plain) : "memory");
    }
    at += 8 + size;
  }
}

static const uint8_t *after_lines(const uint8_t *at, char mark, const char *last) {
  while (*at == (uint8_t)mark) {
    const uint8_t *line = at;
    while (*at++ != '\n') {}
    if (!strncmp((const char *)line, last, strlen(last))) break;
  }
  return at;
}

int main(int count, char **words) {
  if (count < 5) return 2;
  const char *format = words[1];
  width = (uint32_t)atoi(words[3]);
  height = (uint32_t)atoi(words[4]);
  checks = count > 5;
  digest = 0x811c9dc5u;
  FILE *file = fopen(words[2], "rb");
  if (!file) return 3;
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(size + spare);
  if (!bytes || fread(bytes, 1, size, file) != size) return 3;
  const uint8_t *end = bytes + size;
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  if (!strcmp(format, "dat")) dat(after_lines(bytes, '%', "% end") + 2, end);
  else if (!strcmp(format, "aedat2")) aedat2_davis(after_lines(bytes, '#', "#End Of ASCII Header"), end);
  else if (!strcmp(format, "nmnist")) nmnist(bytes, end);
  else if (!strcmp(format, "evt2")) evt2(after_lines(bytes, '%', "% end"), end);
  else if (!strcmp(format, "evt3")) evt3(after_lines(bytes, '%', "% end"), end);
  else if (!strcmp(format, "es")) es(bytes + 20, end);
  else if (!strcmp(format, "aedat4")) aedat4(bytes, bytes + 18 + u32(bytes + 14), end, aedat4_none);
  else if (!strcmp(format, "aedat4-lz4")) aedat4(bytes, bytes + 18 + u32(bytes + 14), end, aedat4_lz4);
  else if (!strcmp(format, "lz4")) aedat4(bytes, bytes + 18 + u32(bytes + 14), end, lz4_only);
  else return 2;
  clock_gettime(CLOCK_MONOTONIC, &to);
  double nanoseconds = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
  printf("%llu %.0f %u %llu\n", (unsigned long long)total, nanoseconds, digest, (unsigned long long)unpacked);
  return 0;
}
