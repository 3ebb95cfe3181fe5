import { createTheme, type MantineColorsTuple } from "@mantine/core";

const pine: MantineColorsTuple = [
  "#ecfaf7", "#d5f2ec", "#a7e5d8", "#75d7c3", "#4bcab0", "#2bb89b", "#14937c", "#0f766e", "#0b5f59", "#064a46",
];

/** One look for shop and console: quiet surfaces, one green, generous rounding. */
export const theme = createTheme({
  primaryColor: "pine",
  primaryShade: { light: 7, dark: 7 },
  autoContrast: true,
  respectReducedMotion: true,
  colors: { pine },
  fontFamily: "'Inter Variable', 'Inter Stand-in', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'JetBrains Mono', Menlo, Consolas, monospace",
  headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.75rem" }, h2: { fontSize: "1.3rem" }, h3: { fontSize: "1.05rem" } } },
  defaultRadius: "md",
  cursorType: "pointer",
  components: {
    Card: { defaultProps: { withBorder: true, padding: "md", radius: "lg" } },
    Tooltip: { defaultProps: { openDelay: 250, withArrow: true } },
    Notification: { defaultProps: { closeButtonProps: { "aria-label": "Dismiss" } } },
    ActionIcon: { defaultProps: { variant: "subtle" } },
  },
});
