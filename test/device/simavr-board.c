/*
 * An ATmega328P at 16 MHz in simavr, paced by the wall clock, with its serial port on a pseudo-terminal.
 * simavr-board FILE.hex: prints the port's path, then a line for each pulse on pin 9: its width in microseconds.
 */
#define _GNU_SOURCE
#include <avr_ioport.h>
#include <avr_timer.h>
#include <avr_uart.h>
#include <fcntl.h>
#include <pty.h>
#include <sim_avr.h>
#include <sim_hex.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { MHZ = 16, CYCLES_PER_BYTE = MHZ * 1000000 / 11520, CYCLES_PER_STEP = MHZ * 1000 };

static avr_t *avr;
static int port;

static void on_byte(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq, (void)param;
  unsigned char byte = value;
  if (write(port, &byte, 1) != 1) return; /* nobody reads: as on a real line */
}

/*
 * simavr 1.6 shows when a pulse of fast PWM begins, and which compare value was written, but ends the pulse as if that had
 * not changed: so a pulse is as long as the compare value says, a tick of half a microsecond each and one more.
 */
static uint32_t compare;

static void on_compare(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq, (void)param;
  compare = value;
}

static void on_pin(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq, (void)param;
  if (value) printf("%.1f\n", (compare + 1) / 2.0);
}

static double wall_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);

  uint32_t size, base;
  uint8_t *flash = read_ihex_file(argv[1], &size, &base);
  avr = avr_make_mcu_by_name("atmega328p");
  if (!flash || !avr) return 1;
  avr_init(avr);
  avr->frequency = MHZ * 1000000;
  avr_loadcode(avr, flash, size, base);

  struct termios raw;
  cfmakeraw(&raw);
  int other; /* stays open, so that the port outlives whoever opens it */
  char path[100];
  if (openpty(&port, &other, path, &raw, NULL) != 0) return 1;
  fcntl(port, F_SETFL, O_NONBLOCK);
  printf("%s\n", path);

  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  avr_irq_t *input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_byte, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 1), on_pin, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_TIMER_GETIRQ('1'), TIMER_IRQ_OUT_PWM0), on_compare, NULL);

  double start_s = wall_s();
  avr_cycle_count_t next_byte = 0;
  for (avr_cycle_count_t until = CYCLES_PER_STEP;; until += CYCLES_PER_STEP) {
    while (avr->cycle < until) {
      int state = avr_run(avr);
      if (state == cpu_Done || state == cpu_Crashed) return 1;
      unsigned char byte;
      if (avr->cycle < next_byte || read(port, &byte, 1) != 1) {
        if (avr->cycle >= next_byte) next_byte = avr->cycle + CYCLES_PER_BYTE;
        continue;
      }
      avr_raise_irq(input, byte);
      next_byte = avr->cycle + CYCLES_PER_BYTE;
    }
    double ahead_s = avr->cycle / (MHZ * 1e6) - (wall_s() - start_s);
    if (ahead_s > 0) usleep(ahead_s * 1e6);
  }
}
