export function Picker() {
  return null;
}
