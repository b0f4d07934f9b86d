/** Numbers and times as a person reads them. Everything is in English, like the rest of the interface. */

const THIN_SPACE = "\u202f";

/** 4211 → "4 211", with a narrow no-break space. */
export function count(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, THIN_SPACE);
}

/** A probability as in ".51"; certain ones as "1.0". */
export function share(p: number): string {
  const clamped = Math.min(1, Math.max(0, p));
  const text = clamped.toFixed(2);
  return text.startsWith("0") ? text.slice(1) : "1.0";
}

/** The pace of one person on one document: "0.8 s", "2.4 s", "48 s", "3 min". */
export function pace(seconds: number): string {
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  return duration(seconds);
}

/** A span of time, rounded to what matters: "40 s", "2 min", "1 h 20 min", "3 days". */
export function duration(seconds: number): string {
  if (seconds < 59.5) {
    return `${Math.max(1, Math.round(seconds))} s`;
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  if (minutes < 24 * 60) {
    const rounded = minutes >= 5 * 60 ? Math.round(minutes / 60) * 60 : Math.round(minutes / 10) * 10;
    const hours = Math.floor(rounded / 60);
    const rest = rounded % 60;
    return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
  }
  const days = Math.round(minutes / (24 * 60));
  return days === 1 ? "1 day" : `${days} days`;
}

/** How long ago a moment was: "just now", "12 s ago", "1 min ago"; a date once it is older than a week. */
export function ago(iso: string, now: number): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) {
    return "";
  }
  const seconds = (now - then) / 1000;
  if (seconds < 3) {
    return "just now";
  }
  if (seconds > 7 * 24 * 3600) {
    return new Date(then).toISOString().slice(0, 10);
  }
  return `${duration(seconds)} ago`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** The middle value; null when there is none. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) {
    return null;
  }
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? 0) + high) / 2;
}

/** The first line or so of a document, for lists; never cuts a surrogate pair in two. */
export function excerpt(text: string, length = 120): string {
  const flat = text
    .slice(0, length * 4)
    .replace(/\s+/g, " ")
    .trim();
  const points = Array.from(flat);
  return points.length <= length ? flat : `${points.slice(0, length - 1).join("")}…`;
}

/** What went wrong, in words. */
export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
