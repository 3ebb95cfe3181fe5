const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** A time in milliseconds, for people. */
export function moment(time: number): string {
  return time > 0 ? MOMENT.format(time) : "some time ago";
}

export function day(time: number): string {
  return time > 0 ? DAY.format(time) : "Some time ago";
}
