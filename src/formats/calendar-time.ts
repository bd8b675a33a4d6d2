/** Times of a calendar, as ISO 8601 and most tables write them, in microseconds. */

const shape =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/**
 * Microseconds since 1970 of `2014-04-10 07:15:00.000000`, `2014-04-10T07:15Z`, `2014-04-10`; without a zone it is UTC.
 * What lies below a microsecond is cut off. NaN for any other text, and for a day that no calendar has.
 */
export function calendarUs(text: string): number {
  const found = shape.exec(text);
  if (!found) return Number.NaN;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((digits) => Number(digits ?? 0)) as [
    ...[number, number, number],
    ...[number, number, number],
  ];
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const isReal = new Date(ms).getUTCDate() === day && month <= 12 && hour < 24 && minute < 60 && second < 60;
  if (!isReal) return Number.NaN;
  const zone = /^([+-])(\d\d):?(\d\d)?$/.exec(found[8] ?? "");
  const zoneMinutes = zone ? Number(`${zone[1]}1`) * (Number(zone[2]) * 60 + Number(zone[3] ?? 0)) : 0;
  return (ms - zoneMinutes * 60_000) * 1000 + Number((found[7] ?? "").padEnd(6, "0").slice(0, 6));
}
