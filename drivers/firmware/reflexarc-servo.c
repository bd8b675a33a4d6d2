/*
 * Two hobby servos on an ATmega328P (Arduino Uno, Nano) that stop by themselves when nobody speaks to them.
 *
 * Channel 0 is pin 9 (OC1A), channel 1 is pin 10 (OC1B): the pulses are made by Timer 1, exact to half a microsecond,
 * and no interrupt can lengthen one. The lines and the answers are described in README.md.
 */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/wdt.h>
#include <stdbool.h>
#include <stdint.h>

#define CHANNELS 2
#define PULSE_US_MIN 500
#define PULSE_US_MAX 2500
#define PERIOD_US 20000U
#define SILENCE_MS_MAX 500
#define LINE_LENGTH_MAX 64
#define GROUPS_MAX CHANNELS
#define BAUD 115200

/* Timer 1 counts at 2 MHz. */
#define TICKS_PER_US 2U

struct channel {
  volatile uint16_t *compare;
  uint8_t connect; /* bit of TCCR1A that lets the timer have the pin */
  bool on;
  bool numbered; /* a sequence number was heard since it is on */
  uint16_t sequence;
  uint16_t heard_ms;
};

struct group {
  uint8_t channel;
  uint16_t pulse_us;
};

static struct channel channels[CHANNELS] = {
    {.compare = &OCR1A, .connect = _BV(COM1A1)},
    {.compare = &OCR1B, .connect = _BV(COM1B1)},
};

static volatile uint16_t now_ms;

ISR(TIMER0_COMPA_vect) { now_ms++; }

static uint16_t time_ms(void) {
  cli();
  uint16_t ms = now_ms;
  sei();
  return ms;
}

/* --- what is said: a ring, so that nothing waits for the line --- */

static char to_send[128];
static uint8_t send_from, send_to;

static void say(const char *text) {
  for (; *text; text++) {
    uint8_t next = (send_to + 1) % sizeof to_send;
    if (next == send_from) return; /* full: the rest is lost, motion is not held up */
    to_send[send_to] = *text;
    send_to = next;
  }
}

static void say_number(uint16_t number) {
  char digits[6];
  uint8_t at = sizeof digits - 1;
  digits[at] = 0;
  do {
    digits[--at] = '0' + number % 10;
    number /= 10;
  } while (number);
  say(digits + at);
}

static void send_some(void) {
  if (send_from == send_to || !(UCSR0A & _BV(UDRE0))) return;
  UDR0 = to_send[send_from];
  send_from = (send_from + 1) % sizeof to_send;
}

/* --- pulses --- */

static void set_pulse(struct channel *channel, uint16_t pulse_us) {
  /* Fast PWM is high for one tick more than the compare register says; it is taken over at the next period. */
  *channel->compare = pulse_us * TICKS_PER_US - 1;
  if (channel->on) return;
  channel->on = true;
  channel->numbered = false;
  TCCR1A |= channel->connect;
}

static void stop_pulses(struct channel *channel) { channel->on = false; }

/* Takes the pin from the timer between two pulses, so that the last one is whole. */
static void disconnect_stopped(void) {
  for (uint8_t i = 0; i < CHANNELS; i++) {
    struct channel *channel = &channels[i];
    if (channel->on || !(TCCR1A & channel->connect)) continue;
    uint16_t ticks = TCNT1;
    if (ticks > PULSE_US_MAX * TICKS_PER_US + 10 && ticks < (PERIOD_US - 100) * TICKS_PER_US)
      TCCR1A &= ~channel->connect;
  }
}

static void stop_silent(void) {
  uint16_t ms = time_ms();
  for (uint8_t i = 0; i < CHANNELS; i++) {
    if (!channels[i].on || (uint16_t)(ms - channels[i].heard_ms) < SILENCE_MS_MAX) continue;
    stop_pulses(&channels[i]);
    say("!failsafe ");
    say_number(i);
    say("\r\n");
  }
}

/* --- lines --- */

static const char *read_number(const char *text, uint16_t *number) {
  uint32_t value = 0;
  if (*text < '0' || *text > '9') return 0;
  for (; *text >= '0' && *text <= '9'; text++) {
    value = value * 10 + (*text - '0');
    if (value > UINT16_MAX) return 0;
  }
  *number = value;
  return text;
}

static const char *skip_spaces(const char *text) {
  while (*text == ' ') text++;
  return text;
}

/* `#0P1500`, `#0P1500#1P1600`, `#0P1500N17`: all of the line happens, or nothing of it. */
static const char *obey(const char *text) {
  struct group groups[GROUPS_MAX];
  uint8_t count = 0;
  bool numbered = false;
  uint16_t sequence = 0;

  for (text = skip_spaces(text); *text == '#'; text = skip_spaces(text)) {
    uint16_t number, pulse_us;
    text = read_number(text + 1, &number);
    if (!text) return "syntax";
    text = skip_spaces(text);
    if (*text != 'P' && *text != 'p') return "syntax";
    text = read_number(text + 1, &pulse_us);
    if (!text) return "syntax";
    if (number >= CHANNELS) return "channel";
    if (pulse_us != 0 && (pulse_us < PULSE_US_MIN || pulse_us > PULSE_US_MAX)) return "range";
    if (count == GROUPS_MAX) return "syntax";
    groups[count].channel = number;
    groups[count++].pulse_us = pulse_us;
  }
  if (*text == 'N' || *text == 'n') {
    numbered = true;
    text = read_number(text + 1, &sequence);
    if (!text) return "syntax";
    text = skip_spaces(text);
  }
  if (count == 0 || *text) return "syntax";

  if (numbered) {
    for (uint8_t i = 0; i < count; i++) {
      struct channel *channel = &channels[groups[i].channel];
      /* A stop is obeyed however late it is. Numbers count within one spell of pulses, and may wrap. */
      if (groups[i].pulse_us != 0 && channel->on && channel->numbered && (int16_t)(sequence - channel->sequence) <= 0)
        return "sequence";
    }
  }
  for (uint8_t i = 0; i < count; i++) {
    struct channel *channel = &channels[groups[i].channel];
    channel->heard_ms = time_ms();
    if (groups[i].pulse_us == 0) {
      stop_pulses(channel);
      continue;
    }
    set_pulse(channel, groups[i].pulse_us);
    if (numbered) {
      channel->numbered = true;
      channel->sequence = sequence;
    }
  }
  if (numbered) {
    say("ok ");
    say_number(sequence);
    say("\r\n");
  }
  return 0;
}

static void hear_line(const char *line) {
  if (line[0] == '?' && line[1] == 0) {
    say("ok reflexarc-servo 1\r\n");
    return;
  }
  const char *wrong = obey(line);
  if (!wrong) return;
  say("err ");
  say(wrong);
  say("\r\n");
}

static void hear_some(void) {
  static char line[LINE_LENGTH_MAX + 1];
  static uint8_t length;
  static bool damaged;
  /* The flags belong to the byte and must be read before it. */
  uint8_t status = UCSR0A;
  if (!(status & _BV(RXC0))) return;
  if (status & (_BV(FE0) | _BV(DOR0))) damaged = true;
  char byte = UDR0;
  if (byte != '\r' && byte != '\n') {
    if (length < LINE_LENGTH_MAX) line[length++] = byte;
    else damaged = true;
    return;
  }
  line[length] = 0;
  if (damaged) say("err line\r\n");
  else if (length > 0) hear_line(line);
  length = 0;
  damaged = false;
}

int main(void) {
  MCUSR = 0;
  wdt_enable(WDTO_250MS);

  DDRB = _BV(PB1) | _BV(PB2);

  /* Timer 1: fast PWM up to ICR1, 2 MHz. */
  ICR1 = PERIOD_US * TICKS_PER_US - 1;
  TCCR1A = _BV(WGM11);
  TCCR1B = _BV(WGM13) | _BV(WGM12) | _BV(CS11);

  /* Timer 0: an interrupt each millisecond, 250 ticks of 4 us. */
  OCR0A = 249;
  TCCR0A = _BV(WGM01);
  TCCR0B = _BV(CS01) | _BV(CS00);
  TIMSK0 = _BV(OCIE0A);

  UCSR0A = _BV(U2X0);
  UBRR0 = (F_CPU + BAUD * 4UL) / (BAUD * 8UL) - 1;
  UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
  UCSR0B = _BV(RXEN0) | _BV(TXEN0);
  sei();

  say("!reset reflexarc-servo 1\r\n");
  for (;;) {
    wdt_reset();
    hear_some();
    stop_silent();
    disconnect_stopped();
    send_some();
  }
}
