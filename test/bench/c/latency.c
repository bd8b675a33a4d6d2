/* The stop-watch of `npm run bench:latency`, and the least that a program can do in Reflexarc's place.

   latency measure           opens a pseudo-terminal, prints its path, and for each line `PORT SECONDS HZ` on standard input
                             sends datagrams to that UDP port of the loopback and tells when their answers came out of the
                             terminal.
   latency floor PATH PORT   receives each datagram, finds the column that most of its events lie in, writes the line.

   A datagram has 64 SPIF words (AEStream: y in bits 0 to 14, polarity in 15, x in 16 to 30, bit 31 for "no time follows"),
   all in one column, which moves on by one in each datagram: so a line names the datagram that it answers. A line is
   `#0P<pulse width, us>\r`, 20 degrees in the first column and 160 in the last. Beside the measurement a timer of 5 ms runs,
   the control probe: how late it is, that late is the machine itself. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { columns = 64, events = 64, packets_max = 1 << 20 };
static const double first_us = 500 + 20.0 / 180 * 2000, column_us = 140.0 / 180 * 2000 / (columns - 1);

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_until(int64_t ns) {
  struct timespec t = {ns / 1000000000LL, ns % 1000000000LL};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return to;
}

static void make_raw(int fd) {
  struct termios raw;
  if (tcgetattr(fd, &raw)) die("tcgetattr");
  cfmakeraw(&raw);
  if (tcsetattr(fd, TCSANOW, &raw)) die("tcsetattr");
}

/* ---- the floor ---- */

static int run_floor(const char *path, int port) {
  int pty = open(path, O_RDWR | O_NOCTTY), in = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in here = loopback(port);
  if (pty < 0 || in < 0 || bind(in, (struct sockaddr *)&here, sizeof here)) die("floor");
  make_raw(pty);
  printf("ready\n");
  fflush(stdout);
  uint32_t words[2048];
  for (;;) {
    ssize_t bytes = recvfrom(in, words, sizeof words, 0, NULL, NULL);
    if (bytes <= 0) return 0;
    int seen[columns] = {0}, most = 0;
    for (int i = 0; i < bytes / 4; i++) seen[(words[i] >> 16) % columns]++;
    for (int c = 1; c < columns; c++)
      if (seen[c] > seen[most]) most = c;
    char line[32];
    int length = snprintf(line, sizeof line, "#0P%d\r", (int)lround(first_us + most * column_us));
    if (write(pty, line, length) != length) die("write");
  }
}

/* ---- the stop-watch ---- */

static int64_t sent_ns[packets_max];
static int64_t answer_ns[packets_max];
static volatile int sent_count, ended;
static int foreign;

/* Reads lines; each answers the newest datagram of its column. */
static void *read_lines(void *argument) {
  int master = *(int *)argument, value = 0, in_value = 0;
  char bytes[4096];
  while (!ended) {
    struct pollfd wait = {.fd = master, .events = POLLIN};
    if (poll(&wait, 1, 50) <= 0 || !(wait.revents & POLLIN)) continue;
    ssize_t count = read(master, bytes, sizeof bytes);
    int64_t at = now_ns();
    for (ssize_t i = 0; i < count; i++) {
      if (bytes[i] == 'P') in_value = 1, value = 0;
      else if (bytes[i] >= '0' && bytes[i] <= '9') value = in_value ? value * 10 + bytes[i] - '0' : value;
      else if (bytes[i] == '\r' && in_value) {
        in_value = 0;
        double column = (value - first_us) / column_us;
        int c = (int)lround(column), last = sent_count - 1;
        if (fabs(column - c) > 0.2 || c < 0 || c >= columns || last < 0) {
          foreign++;
          continue;
        }
        int k = last - (last - c + columns) % columns;
        if (k >= 0 && !answer_ns[k]) answer_ns[k] = at;
      }
    }
  }
  return NULL;
}

static int64_t probe_ns[packets_max];
static int probe_count;

static void *probe(void *unused) {
  (void)unused;
  for (int64_t due = now_ns() + 5000000; !ended && probe_count < packets_max; due += 5000000) {
    sleep_until(due);
    probe_ns[probe_count++] = now_ns() - due;
  }
  return NULL;
}

static int ascending(const void *a, const void *b) {
  int64_t d = *(const int64_t *)a - *(const int64_t *)b;
  return (d > 0) - (d < 0);
}

static double quantile_us(const int64_t *sorted, int count, double q) {
  return count ? sorted[(int)(q * (count - 1))] / 1000.0 : 0;
}

static void measure(int master, int port, int seconds, int hz) {
  int out = socket(AF_INET, SOCK_DGRAM, 0), total = seconds * hz;
  struct sockaddr_in to = loopback(port);
  if (connect(out, (struct sockaddr *)&to, sizeof to)) die("connect");
  if (total > packets_max) total = packets_max;
  memset(answer_ns, 0, sizeof answer_ns);
  sent_count = ended = foreign = probe_count = 0;
  pthread_t reader, prober;
  pthread_create(&reader, NULL, read_lines, &master);
  pthread_create(&prober, NULL, probe, NULL);
  int64_t start = now_ns() + 10000000;
  for (int k = 0; k < total; k++) {
    uint32_t words[events];
    for (int i = 0; i < events; i++) words[i] = 1u << 31 | (uint32_t)(k % columns) << 16 | i;
    sleep_until(start + k * (1000000000LL / hz));
    sent_ns[k] = now_ns();
    sent_count = k + 1;
    /* Whoever does not listen yet, or not any more, leaves datagrams unanswered. */
    if (send(out, words, sizeof words, 0) < 0 && errno != ECONNREFUSED) die("send");
  }
  usleep(100000);
  ended = 1;
  pthread_join(reader, NULL);
  pthread_join(prober, NULL);
  close(out);
  static int64_t took[packets_max];
  int answered = 0;
  for (int k = 0; k < total; k++)
    if (answer_ns[k]) took[answered++] = answer_ns[k] - sent_ns[k];
  qsort(took, answered, sizeof took[0], ascending);
  qsort(probe_ns, probe_count, sizeof probe_ns[0], ascending);
  printf("{\"sent\":%d,\"answered\":%d,\"foreign\":%d,\"p50Us\":%.1f,\"p90Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,"
         "\"maxUs\":%.1f,\"probeP50Us\":%.1f,\"probeP99Us\":%.1f,\"probeMaxUs\":%.1f}\n",
         total, answered, foreign, quantile_us(took, answered, .5), quantile_us(took, answered, .9),
         quantile_us(took, answered, .99), quantile_us(took, answered, .999), quantile_us(took, answered, 1),
         quantile_us(probe_ns, probe_count, .5), quantile_us(probe_ns, probe_count, .99),
         quantile_us(probe_ns, probe_count, 1));
  fflush(stdout);
}

int main(int count, char **words) {
  if (count == 4 && !strcmp(words[1], "floor")) return run_floor(words[2], atoi(words[3]));
  if (count != 2 || strcmp(words[1], "measure")) {
    fprintf(stderr, "latency measure | latency floor PATH PORT\n");
    return 2;
  }
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) || unlockpt(master)) die("pseudo-terminal");
  /* Held open, so that the terminal outlives whoever writes to it. */
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  if (slave < 0) die("pseudo-terminal");
  make_raw(slave);
  printf("%s\n", ptsname(master));
  fflush(stdout);
  int port, seconds, hz;
  while (scanf("%d %d %d", &port, &seconds, &hz) == 3) measure(master, port, seconds, hz);
  return 0;
}
