export function Crowd() {
  return null;
}
