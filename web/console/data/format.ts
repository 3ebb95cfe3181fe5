/** Numbers, sizes and moments as the console says them. Moments are microseconds UTC. */

export const count = (value: number): string => value.toLocaleString("en");

export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let place = 0;
  while (value >= 1000 && place < units.length - 1) {
    value /= 1000;
    place += 1;
  }
  return `${value >= 100 || place === 0 ? Math.round(value) : value.toFixed(1)} ${units[place]}`;
}

export function moment(micros: number): string {
  if (!micros) return "–";
  return new Date(micros / 1000).toISOString().replace("T", " ").slice(0, 19);
}

export function day(micros: number): string {
  return micros ? new Date(micros / 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }) : "–";
}

export function ago(micros: number, now: number = Date.now() * 1000): string {
  if (!micros) return "–";
  const seconds = Math.max(0, (now - micros) / 1e6);
  const steps: [number, string][] = [[86_400, "day"], [3_600, "hour"], [60, "minute"]];
  for (const [length, word] of steps) {
    const whole = Math.floor(seconds / length);
    if (whole >= 1) return `${count(whole)} ${word}${whole > 1 ? "s" : ""} ago`;
  }
  return seconds < 5 ? "just now" : `${Math.floor(seconds)} s ago`;
}

export function seconds(value: number): string {
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 90 ? `${value.toFixed(1)} s` : `${Math.round(value / 60)} min`;
}

export function left(eta: number | null): string {
  if (!eta) return "";
  const still = Math.max(0, Math.round(eta / 1e6 - Date.now() / 1e3));
  return still ? `${seconds(still)} left` : "";
}

/** A shell word as it must be typed. */
export function word(text: string): string {
  return /^[\w./@=:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
