/*
 * Three networks of leaky integrate-and-fire neurons in plain C, event by event: the same network, input and rules as
 * src/core/engine.ts in float32 (scaled frame, all charge of a microsecond summed before neurons are tested, refractory
 * neurons at -infinity), with 8-bit weights in rows by source. What `npm run bench:core` compares with.
 *
 * Usage: core NAME FILE. The file, written by the benchmark: doubles tauUs, threshold, refractoryUs, weightScale; int32
 * counts and tables as each network below reads them; then the input's spikes: int32 count, double times, uint32 ids.
 * Prints synaptic operations, spikes, a digest of them, nanoseconds.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { frame_us_max = 1 << 18 };

struct layer {
  int size;
  double tau_us, refractory_us, threshold, scale, frame_us, frame_length_us;
  float ceiling;
  float *charge;
  double fine[1024], coarse[256];
  uint32_t *ready_ids;
  double *ready_us;
  int ready_head, ready_count;
  uint32_t *candidates, *fired;
  int candidate_count, fired_count;
};

static FILE *file;
static long long operations, spikes;
static uint32_t digest = 0x811c9dc5;

static void *take(size_t size, size_t count) {
  void *at = aligned_alloc(64, (size * count + 127) & ~(size_t)63);
  if (!at || fread(at, size, count, file) != count) exit(2);
  return at;
}

static int32_t take_int(void) {
  int32_t value;
  if (fread(&value, 4, 1, file) != 1) exit(2);
  return value;
}

static double take_double(void) {
  double value;
  if (fread(&value, 8, 1, file) != 1) exit(2);
  return value;
}

static void *zeros(size_t bytes) {
  size_t whole = (bytes + 127) & ~(size_t)63;
  void *at = aligned_alloc(64, whole);
  if (!at) exit(2);
  return memset(at, 0, whole);
}

static struct layer *make_layer(int size) {
  struct layer *l = zeros(sizeof *l);
  l->size = size;
  l->tau_us = take_double();
  l->threshold = take_double() * (1 - 1e-6);
  l->refractory_us = take_double();
  l->frame_us = -INFINITY;
  l->frame_length_us = fmin(frame_us_max, exp2(floor(log2(32 * l->tau_us))));
  l->charge = zeros(size * 4);
  l->ready_ids = zeros(size * 4);
  l->ready_us = zeros(size * 8);
  l->candidates = zeros(size * 4);
  l->fired = zeros(size * 4);
  for (int i = 0; i < 1024; i++) l->fine[i] = exp(i / l->tau_us);
  for (int i = 0; i < 256; i++) l->coarse[i] = exp(i * 1024 / l->tau_us);
  return l;
}

static void move_to(struct layer *l, double time_us) {
  if (time_us - l->frame_us >= l->frame_length_us) {
    double frame_us = floor(time_us / l->frame_length_us) * l->frame_length_us;
    double factor = fmax(1e-300, exp((l->frame_us - frame_us) / l->tau_us));
    for (int n = 0; n < l->size; n++) l->charge[n] = (float)(l->charge[n] * factor);
    l->frame_us = frame_us;
  }
  unsigned since = (unsigned)(time_us - l->frame_us);
  l->scale = l->fine[since & 1023] * l->coarse[since >> 10];
  l->ceiling = (float)(l->threshold * l->scale);
  while (l->ready_count > 0 && l->ready_us[l->ready_head] <= time_us) {
    l->charge[l->ready_ids[l->ready_head]] = 0;
    l->ready_head = l->ready_head + 1 == l->size ? 0 : l->ready_head + 1;
    l->ready_count--;
  }
}

static int ascending(const void *a, const void *b) {
  return (*(const uint32_t *)a > *(const uint32_t *)b) - (*(const uint32_t *)a < *(const uint32_t *)b);
}

static void mix(uint32_t value) { digest = (digest ^ value) * 0x01000193; }

static void fire_one(struct layer *l, uint32_t n) {
  if (l->charge[n] < l->ceiling) return;
  l->fired[l->fired_count++] = n;
  l->charge[n] = -INFINITY;
}

/* `in_order` for candidates that were found in order of their ids. */
static void end_fire(struct layer *l, double time_us, int in_order) {
  if (!in_order && l->fired_count > 1) qsort(l->fired, l->fired_count, 4, ascending);
  for (int k = 0; k < l->fired_count; k++) {
    int place = l->ready_head + l->ready_count;
    if (place >= l->size) place -= l->size;
    l->ready_ids[place] = l->fired[k];
    l->ready_us[place] = time_us + l->refractory_us;
    l->ready_count++;
    mix((uint32_t)time_us);
    mix(l->fired[k]);
  }
  spikes += l->fired_count;
}

static void fire(struct layer *l, double time_us) {
  l->fired_count = 0;
  for (int k = 0; k < l->candidate_count; k++) fire_one(l, l->candidates[k]);
  l->candidate_count = 0;
  end_fire(l, time_us, 0);
}

static double *times;
static uint32_t *ids;
static int count;

static void take_spikes(void) {
  count = take_int();
  times = take(8, count);
  ids = take(4, count);
}

static struct timespec began;
static void start(void) { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began); }
static long long since_start(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (now.tv_sec - began.tv_sec) * 1000000000ll + now.tv_nsec - began.tv_nsec;
}

/* int32 sources, targets; int8 weights [source][target]. */
static long long dense(void) {
  enum { targets = 512 };
  struct layer *l = make_layer(targets);
  double weight_scale = take_double();
  int sources = take_int();
  if (take_int() != targets) exit(3);
  int8_t *weights = take(1, (size_t)sources * targets);
  take_spikes();
  start();
  for (int next = 0; next < count;) {
    double time_us = times[next];
    move_to(l, time_us);
    float worth = (float)(l->scale * weight_scale), ceiling = l->ceiling;
    float *restrict charge = l->charge;
    int any = 0;
    for (; next < count && times[next] == time_us; next++) {
      const int8_t *restrict row = weights + (size_t)ids[next] * targets;
      for (int n = 0; n < targets; n++) {
        float sum = charge[n] + row[n] * worth;
        charge[n] = sum;
        any |= sum >= ceiling;
      }
      operations += targets;
    }
    if (!any) continue;
    l->fired_count = 0;
    for (int n = 0; n < targets; n++) fire_one(l, n);
    end_fire(l, time_us, 1);
  }
  return since_start();
}

/* 2 x 34 x 34 -> 16 x 17 x 17, 5 x 5, stride 2, padding 2; int8 weights [channel in][ky][kx][channel out]. */
static long long convolution(void) {
  enum { side = 34, kernel = 5, stride = 2, padding = 2, out = 17, channels = 16 };
  struct layer *l = make_layer(out * out * channels);
  double weight_scale = take_double();
  int8_t *weights = take(1, 2 * kernel * kernel * channels);
  take_spikes();
  start();
  for (int next = 0; next < count;) {
    double time_us = times[next];
    move_to(l, time_us);
    float worth = (float)(l->scale * weight_scale), ceiling = l->ceiling;
    for (; next < count && times[next] == time_us; next++) {
      int channel = ids[next] / (side * side), place = ids[next] % (side * side);
      int y = place / side + padding, x = place % side + padding;
      int y_first = y < kernel - 1 ? 0 : (y - kernel + 1 + stride - 1) / stride;
      int x_first = x < kernel - 1 ? 0 : (x - kernel + 1 + stride - 1) / stride;
      int y_last = y / stride < out - 1 ? y / stride : out - 1;
      int x_last = x / stride < out - 1 ? x / stride : out - 1;
      for (int ty = y_first; ty <= y_last; ty++)
        for (int tx = x_first; tx <= x_last; tx++) {
          int tap = (channel * kernel + y - ty * stride) * kernel + x - tx * stride;
          const int8_t *restrict row = weights + tap * channels;
          int first = (ty * out + tx) * channels, any = 0;
          float *restrict charge = l->charge + first;
          for (int c = 0; c < channels; c++) {
            float sum = charge[c] + row[c] * worth;
            charge[c] = sum;
            any |= sum >= ceiling;
          }
          if (any)
            for (int c = 0; c < channels; c++)
              if (charge[c] >= ceiling && l->candidate_count < l->size)
                l->candidates[l->candidate_count++] = first + c;
        }
      operations += (y_last - y_first + 1) * (x_last - x_first + 1) * channels;
    }
    if (l->candidate_count == 0) continue;
    l->fired_count = 0;
    for (int k = 0; k < l->candidate_count; k++) fire_one(l, l->candidates[k]);
    l->candidate_count = 0;
    /* From channels last to the ids of channels first, and back for the ring. */
    for (int k = 0; k < l->fired_count; k++)
      l->fired[k] = l->fired[k] % channels * (out * out) + l->fired[k] / channels;
    end_fire(l, time_us, 0);
    for (int k = 0; k < l->fired_count; k++) {
      int at = (l->ready_head + l->ready_count - l->fired_count + k) % l->size;
      uint32_t id = l->ready_ids[at];
      l->ready_ids[at] = id % (out * out) * channels + id / (out * out);
    }
  }
  return since_start();
}

struct rows {
  uint32_t *starts;
  /* A synapse is a word, 24 bits of target and 8 of weight, as in the kernel. */
  int32_t *synapses;
  double delay_us, due_us;
  uint64_t cursor;
};

static struct rows take_rows(int sources) {
  struct rows r = {.due_us = INFINITY};
  r.delay_us = take_double();
  r.starts = take(4, sources + 1);
  uint32_t count = r.starts[sources];
  uint16_t *targets = take(2, count);
  int8_t *weights = take(1, count);
  r.synapses = zeros(count * 4ul);
  for (uint32_t s = 0; s < count; s++)
    r.synapses[s] = (int32_t)((uint32_t)targets[s] << 8 | (uint8_t)weights[s]);
  return r;
}

static inline void add_row(struct layer *l, const struct rows *r, uint32_t source, float worth) {
  uint32_t first = r->starts[source], end = r->starts[source + 1];
  float ceiling = l->ceiling, *charges = l->charge;
  for (uint32_t s = first; s < end; s++) {
    uint32_t target = (uint32_t)r->synapses[s] >> 8;
    float sum = charges[target] + (int8_t)r->synapses[s] * worth;
    charges[target] = sum;
    if (sum >= ceiling && l->candidate_count < l->size) l->candidates[l->candidate_count++] = target;
  }
  operations += end - first;
}

/*
 * int32 neurons, inputs; rows of the input (delay 0); double weightScale of the recurrent rows, int32 how many delays,
 * rows for each in ascending order. Spikes on their way lie in a ring that each delay reads at its own pace.
 */
static long long recurrent(void) {
  enum { ring = 1 << 20 };
  struct layer *l = make_layer(4096);
  double input_scale = take_double();
  if (take_int() != l->size) exit(3);
  int inputs = take_int();
  struct rows input = take_rows(inputs);
  double weight_scale = take_double();
  int delays = take_int();
  struct rows *rows = zeros(delays * sizeof *rows);
  for (int d = 0; d < delays; d++) rows[d] = take_rows(l->size);
  take_spikes();
  double end_us = take_double(), next_due_us = INFINITY;
  double *sent_us = zeros(ring * 8);
  uint32_t *sent_ids = zeros(ring * 4);
  uint64_t written = 0;
  start();
  for (int next = 0;;) {
    double input_us = next < count ? times[next] : INFINITY;
    double time_us = fmin(input_us, next_due_us);
    if (time_us >= end_us) break;
    move_to(l, time_us);
    for (; next < count && times[next] == time_us; next++)
      add_row(l, &input, ids[next], (float)(l->scale * input_scale));
    float worth = (float)(l->scale * weight_scale);
    for (int d = 0; d < delays; d++) {
      struct rows *r = rows + d;
      if (r->due_us != time_us) continue;
      for (; r->cursor < written && sent_us[r->cursor % ring] + r->delay_us == time_us; r->cursor++)
        add_row(l, r, sent_ids[r->cursor % ring], worth);
      r->due_us = r->cursor < written ? sent_us[r->cursor % ring] + r->delay_us : INFINITY;
    }
    if (l->candidate_count > 0) {
      fire(l, time_us);
      for (int k = 0; k < l->fired_count; k++, written++) {
        sent_us[written % ring] = time_us;
        sent_ids[written % ring] = l->fired[k];
      }
      for (int d = 0; d < delays && l->fired_count > 0; d++)
        if (rows[d].due_us == INFINITY) rows[d].due_us = time_us + rows[d].delay_us;
    }
    next_due_us = INFINITY;
    for (int d = 0; d < delays; d++)
      if (rows[d].due_us < next_due_us) next_due_us = rows[d].due_us;
  }
  return since_start();
}

int main(int arguments, char **words) {
  if (arguments != 3 || !(file = fopen(words[2], "rb"))) return 2;
  long long nanoseconds = !strcmp(words[1], "dense")         ? dense()
                          : !strcmp(words[1], "convolution") ? convolution()
                                                             : recurrent();
  printf("%lld %lld %u %lld\n", operations, spikes, digest, nanoseconds);
  return 0;
}
