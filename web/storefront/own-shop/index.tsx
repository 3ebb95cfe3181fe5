/** A shop of your own. */
export default function OwnShop() {
  return null;
}
