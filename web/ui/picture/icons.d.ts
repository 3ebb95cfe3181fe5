declare module "virtual:icons" {
  /** Where the icon of this name is. */
  export const url: (name: string) => string;
}
