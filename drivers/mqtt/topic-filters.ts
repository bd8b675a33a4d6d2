/** Topic filters as patterns of what is allowed (MQTT 3.1.1, section 4.7). */

/** A filter: levels by `/`, a whole level may be `+`, the last may be `#`. */
export const topicFilter = /^(?:(?:\+|[^+#\0/]*)\/)*(?:\+|#|[^+#\0/]*)$/;

/**
 * Whether all that a topic or filter stands for lies within a pattern: `a/+` covers `a/b` and `a/+`, not `a/#`; `a/#` covers `a`,
 * too. What begins with `$` is covered by nothing that begins with a wildcard (MQTT-4.7.2-1).
 */
export function covers(pattern: string, asked: string): boolean {
  if (asked.startsWith("$") && /^[+#]/.test(pattern)) return false;
  const allowed = pattern.split("/");
  const levels = asked.split("/");
  for (const [i, level] of allowed.entries()) {
    if (level === "#") return true;
    if (i >= levels.length || levels[i] === "#") return false;
    if (level !== "+" && level !== levels[i]) return false;
  }
  return levels.length === allowed.length;
}
